import { byName, type ConnectorCondition, nameFirst, sinceWhen } from './connector-condition.ts';
import type { ConnectorEntry, RouteClaim } from './connectors.ts';
import type { StateFile } from './state-file.ts';

/** The connectors of a state file for people, sorted; `before` is what its last version said. */
export function conditionsOf(
  { connectors }: StateFile,
  before: readonly ConnectorCondition[],
  now: number,
): readonly ConnectorCondition[] {
  const known = new Map(before.map((condition) => [condition.name, condition]));
  return connectors
    .map((entry) => {
      const { name, online } = entry.connector;
      const since = sinceWhen(known.get(name), online, now);
      return { name, online, since, serves: describeClaims(entry) };
    })
    .sort(byName);
}

function describeClaims({ routes, clusters }: ConnectorEntry): string {
  const claims = [...routes.map(describeRoute), ...clusters.map((name) => `cluster ${name}`)];
  return nameFirst(claims, 'nothing');
}

function describeRoute({ kind, namespace, name, rule, backend }: RouteClaim): string {
  const which = [`${kind} ${namespace}/${name}`];
  if (rule !== undefined) which.push(`rule ${rule}`);
  if (backend !== undefined) which.push(`backend ${backend}`);
  return which.join(' ');
}
