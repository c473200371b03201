import { createHash } from 'node:crypto';

/** A route rule of the Gateway API, as Envoy Gateway writes it into cluster and route names. */
export interface RuleName {
  /** `httproute`, `grpcroute`, `tcproute`, `tlsroute` or `udproute`. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule: number;
}

/** A cluster's name taken apart; `backend` is there when the cluster is one backendRef's own. */
export interface ClusterName extends RuleName {
  readonly backend?: number;
}

/** The cluster of a split's entry that stands for every backendRef without a cluster of its own. */
export const leftOutCluster = 'invalid-backend-cluster';

const clusterForm = /^([a-z]+route)\/([^/]+)\/([^/]+)\/rule\/(\d+)(?:\/backend\/(\d+))?$/;
const routeForm = /^([a-z]+route)\/([^/]+)\/([^/]+)\/rule\/(\d+)\/match\/-?\d+(?:\/.*)?$/s;

/**
 * Takes `<kind>/<namespace>/<name>/rule/<r>` apart, with `/backend/<b>` behind it or without.
 * Undefined for every other name: mirrors, `service/…` of mergeBackends, custom clusters.
 */
export function parseClusterName(cluster: string): ClusterName | undefined {
  const match = clusterForm.exec(cluster);
  if (match === null) return undefined;
  const rule = ruleNameOf(match);
  return match[5] === undefined ? rule : { ...rule, backend: Number(match[5]) };
}

/** Takes `<kind>/<namespace>/<name>/rule/<r>/match/<m>/<host>` apart; undefined for other names. */
export function parseRouteName(route: string): RuleName | undefined {
  const match = routeForm.exec(route);
  return match === null ? undefined : ruleNameOf(match);
}

function ruleNameOf(match: RegExpExecArray): RuleName {
  const [, kind = '', namespace = '', name = '', rule = ''] = match;
  return { kind, namespace, name, rule: Number(rule) };
}

/**
 * The name by which a virtual host appears in route names and domains of ours: outside [a-z0-9.-]
 * becomes `-`. Where two of the snapshot's names would meet, each gets 8 hex digits of its own
 * sha256 appended, because a duplicate domain makes Envoy reject the whole configuration; should
 * the result meet a name again, more of them, until all are different.
 */
export function sanitizeVirtualHostNames(names: Iterable<string>): ReadonlyMap<string, string> {
  const digits = new Map([...names].map((name) => [name, 0]));
  for (;;) {
    const sanitized = new Map([...digits].map(([name, length]) => [name, sanitize(name, length)]));
    const meeting = namesThatMeet(sanitized);
    if (meeting.length === 0) return sanitized;
    for (const name of meeting) digits.set(name, (digits.get(name) ?? 0) + hashDigits);
  }
}

const hashDigits = 8;

/** A virtual host's name with `-` for each character outside [a-z0-9.-]. */
export function sanitizeName(name: string): string {
  return name.replaceAll(/[^a-z0-9.-]/g, '-');
}

function sanitize(name: string, digits: number): string {
  const plain = sanitizeName(name);
  if (digits === 0) return plain;
  const hash = createHash('sha256').update(name).digest('hex');
  return `${plain}-${hash.slice(0, digits)}`;
}

/** The names whose sanitised form another has too. */
function namesThatMeet(sanitized: ReadonlyMap<string, string>): string[] {
  const takers = new Map<string, number>();
  for (const form of sanitized.values()) takers.set(form, (takers.get(form) ?? 0) + 1);
  return [...sanitized].filter(([, form]) => (takers.get(form) ?? 0) > 1).map(([name]) => name);
}
