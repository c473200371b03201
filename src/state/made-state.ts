import type { State } from '../rewrites/pipeline.ts';
import { Pace, partsPerStep, type Steps } from '../steps.ts';
import { type ConnectorCondition, sinceWhen } from './connector-condition.ts';
import type { DescribedConnector, PreparedState } from './prepared-state.ts';
import { stateInSteps } from './state-file.ts';

/** What a state file says, ready for use. */
export interface MadeState {
  readonly file: PreparedState;
  readonly state: State;
  readonly conditions: readonly ConnectorCondition[];
}

/** Makes what is used of a state file; `before` is what was known of connectors until now. */
export function* makeInSteps(
  file: PreparedState,
  before: readonly ConnectorCondition[],
): Steps<MadeState> {
  const state = yield* stateInSteps(file);
  const conditions = yield* conditionsInSteps(file.described, before, Date.now());
  return { file, state, conditions };
}

function* conditionsInSteps(
  described: readonly DescribedConnector[],
  before: readonly ConnectorCondition[],
  now: number,
): Steps<readonly ConnectorCondition[]> {
  const pace = new Pace(partsPerStep);
  const known = new Map<string, ConnectorCondition>();
  for (const condition of before) {
    known.set(condition.name, condition);
    if (pace.isPauseDue()) yield;
  }
  const conditions: ConnectorCondition[] = [];
  for (const { name, online, serves } of described) {
    conditions.push({ name, online, since: sinceWhen(known.get(name), online, now), serves });
    if (pace.isPauseDue()) yield;
  }
  return conditions;
}
