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

/**
 * Takes `<kind>/<namespace>/<name>/rule/<r>` apart, with `/backend/<b>` behind it or without.
 * Undefined for every other name: mirrors, `service/…` of mergeBackends, custom clusters.
 */
export function parseClusterName(cluster: string): ClusterName | undefined {
  const end = endOfRule(cluster);
  if (end === -1) return undefined;
  if (end === cluster.length) return ruleNameOf(cluster, end);
  const from = end + '/backend/'.length;
  if (!cluster.startsWith('/backend/', end) || !hasOnlyDigits(cluster, from)) return undefined;
  const { kind, namespace, name, rule } = ruleNameOf(cluster, end);
  return { kind, namespace, name, rule, backend: Number(cluster.slice(from)) };
}

/** Takes `<kind>/<namespace>/<name>/rule/<r>/match/<m>/<host>` apart; undefined for other names. */
export function parseRouteName(route: string): RuleName | undefined {
  const end = endOfRuleOfRoute(route);
  return end === -1 ? undefined : ruleNameOf(route, end);
}

/** Only the rule of what `parseRouteName` answers. */
export function parseRuleOfRoute(route: string): number | undefined {
  const end = endOfRuleOfRoute(route);
  return end === -1 ? undefined : Number(route.slice(route.lastIndexOf('/', end - 1) + 1, end));
}

function endOfRuleOfRoute(route: string): number {
  const end = endOfRule(route);
  if (end === -1 || !route.startsWith('/match/', end)) return -1;
  const match = end + '/match/'.length;
  const from = route.startsWith('-', match) ? match + 1 : match;
  const behind = endOfDigits(route, from);
  return behind === from || (behind < route.length && route[behind] !== '/') ? -1 : end;
}

// Thousands of names are taken apart in each call, at a fraction of what regular expressions cost.

/** Where `<kind>/<namespace>/<name>/rule/<r>` ends with which a name begins; -1 when it does not. */
function endOfRule(text: string): number {
  const kind = text.indexOf('/');
  const namespace = text.indexOf('/', kind + 1);
  const name = text.indexOf('/', namespace + 1);
  const isNamed = hasRouteKind(text, kind) && namespace > kind + 1 && name > namespace + 1;
  if (!isNamed || !text.startsWith('/rule/', name)) return -1;
  const rule = name + '/rule/'.length;
  const end = endOfDigits(text, rule);
  return end === rule ? -1 : end;
}

/** The parts of a name whose rule ends there. */
function ruleNameOf(text: string, end: number): RuleName {
  const kind = text.indexOf('/');
  const namespace = text.indexOf('/', kind + 1);
  const name = text.indexOf('/', namespace + 1);
  return {
    kind: text.slice(0, kind),
    namespace: text.slice(kind + 1, namespace),
    name: text.slice(namespace + 1, name),
    rule: Number(text.slice(name + '/rule/'.length, end)),
  };
}

/** Whether a name begins with small letters, the last of them `route`, as long as this. */
function hasRouteKind(text: string, length: number): boolean {
  const shortest = 'route'.length + 1;
  if (length < shortest || !text.startsWith('route', length - 'route'.length)) return false;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x61 || code > 0x7a) return false;
  }
  return true;
}

function hasOnlyDigits(text: string, from: number): boolean {
  return from < text.length && endOfDigits(text, from) === text.length;
}

/** Where digits end that begin there, or this place when there are none. */
function endOfDigits(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at++;
  return at;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
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
  const { length } = name;
  if (length > shortName.length) return name.replace(notKept, '-');
  for (let at = 0; at < length; at++) shortName[at] = asOurs[name.charCodeAt(at)] ?? dash;
  return shortName.toString('latin1', 0, length);
}

const notKept = /[^a-z0-9.-]/g;
const dash = 0x2d;

/** What each character of ASCII becomes, by its code. */
export const asOurs: Readonly<Uint8Array> = Uint8Array.from({ length: 128 }, (_, code) =>
  String.fromCharCode(code).replace(notKept, '-').charCodeAt(0),
);

/** A fraction of what the regular expression takes. */
const shortName = Buffer.alloc(256);

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
