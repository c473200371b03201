import type { Phase } from '../observe/metrics.ts';
import { type Summary, summarize } from '../observe/summary.ts';
import type { EndPhase } from '../observe/tracing.ts';
import { unstampSnapshot } from '../policy/unstamp-snapshot.ts';
import type { DecidedSplit } from '../rewrites/empty-backends/decided-split.ts';
import { type RewriteSettings, rewriteInSteps, type State } from '../rewrites/pipeline.ts';
import type { Report } from '../rewrites/report.ts';
import { atOnce, type Steps } from '../steps.ts';
import {
  type Budget,
  type EncodedMessage,
  prepareResponse,
  readSnapshot,
  type Snapshot,
} from '../xds/snapshot.ts';

/**
 * apply: answer with the rewritten snapshot. shadow: report and count, answer with what would have
 * come without Offramp, policy stamps taken out.
 */
export type Mode = 'apply' | 'shadow';

/** What the operator decided that an answer depends on. */
export interface AnswerOptions {
  readonly mode: Mode;
  readonly settings: RewriteSettings;
  /** Is told of the work that has been done, and may end it by throwing. */
  readonly budget?: Budget | undefined;
}

/** The answer to one PostTranslateModify request, and what was done. */
export interface HookResult {
  readonly response: EncodedMessage;
  readonly report: Report;
  readonly summary: Summary;
}

/** That, with what only its server needs. */
export interface Decided extends HookResult {
  readonly snapshot: Snapshot;
  readonly splits: readonly DecidedSplit[];
}

/**
 * Decides one request: pure but for the clock. Throws MalformedMessageError for the envelope, and
 * whatever the budget throws.
 */
export function answerSnapshot(request: Uint8Array, options: AnswerOptions, state: State): Decided {
  return atOnce(answerInSteps(request, options, state, () => () => undefined));
}

/** The same with pauses, and told when its phases begin and end. */
export function* answerInSteps(
  request: Uint8Array,
  { mode, settings, budget }: AnswerOptions,
  state: State,
  begin: (phase: Phase) => EndPhase,
): Steps<Decided> {
  yield; // receiving a message of that size was work, too
  const snapshot = during(begin('read'), () => ({ ...readSnapshot(request), budget }));
  const steps = rewriteInSteps(snapshot, state, settings);
  const { snapshot: rewritten, report, splits } = yield* duringSteps(begin('rewrite'), steps);
  yield; // so will be sending it
  const response = during(begin('encode'), () =>
    prepareResponse(mode === 'shadow' ? unstampSnapshot(snapshot) : rewritten),
  );
  return { response, report, summary: summarize(snapshot, report), snapshot, splits };
}

function during<Result>(end: EndPhase, work: () => Result): Result {
  let failed = true;
  try {
    const result = work();
    failed = false;
    return result;
  } finally {
    end(failed);
  }
}

function* duringSteps<Result>(end: EndPhase, steps: Steps<Result>): Steps<Result> {
  let failed = true;
  try {
    const result = yield* steps;
    failed = false;
    return result;
  } finally {
    end(failed);
  }
}
