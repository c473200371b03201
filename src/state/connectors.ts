/** Where an online connector's tunnel ends: written into the tunnel cluster's endpoint metadata. */
export interface Tunnel {
  /** Host that the connector should reach for us, for instance `localhost`. */
  readonly host: string;
  readonly port: number;
  /** The connector's node id, by which the tunnel's other side is found. */
  readonly endpointId: string;
}

/** A connector and whether its tunnel can be used now. */
export type Connector =
  | { readonly name: string; readonly online: false }
  | { readonly name: string; readonly online: true; readonly tunnel: Tunnel };

/** The route kinds a connector can stand behind. */
export type RouteKind = 'HTTPRoute' | 'GRPCRoute';

/** The backendRefs a connector serves. Without `rule`: every rule; without `backend`: every ref. */
export interface RouteClaim {
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly name: string;
  readonly rule?: number | undefined;
  readonly backend?: number | undefined;
}

/** A connector together with what it claims: backendRefs of routes, and clusters by exact name. */
export interface ConnectorEntry {
  readonly connector: Connector;
  readonly routes: readonly RouteClaim[];
  readonly clusters: readonly string[];
}

/** What is known about one rule's backendRefs. */
export interface RuleClaims {
  /** The connector behind every backendRef of the rule. */
  readonly whole?: Connector;
  /** Connectors behind single backendRefs, by index. */
  readonly byBackend: ReadonlyMap<number, Connector>;
}

/** Two connectors say that they serve the same backendRef or cluster. */
export interface ClaimConflict {
  readonly claim: string;
  /** Places of the two entries in the list that was given. */
  readonly entries: readonly [number, number];
}

interface MutableRuleClaims {
  whole?: Connector;
  byBackend: Map<number, Connector>;
}

/** Which backendRefs and clusters belong to connectors: what the hook asks, built once a change. */
export class ConnectorView {
  static readonly empty = new ConnectorView([]);

  readonly connectors: readonly Connector[];
  readonly #rules = new Map<string, MutableRuleClaims>();
  readonly #clusters = new Map<string, Connector>();

  constructor(entries: readonly ConnectorEntry[]) {
    this.connectors = entries.map((entry) => entry.connector);
    for (const { connector, routes, clusters } of entries) {
      for (const claim of routes) this.#addRoute(connector, claim);
      for (const cluster of clusters) this.#clusters.set(cluster, connector);
    }
  }

  /** True when no backendRef and no cluster is claimed: no route needs to be looked at. */
  get isEmpty(): boolean {
    return this.#rules.size === 0 && this.#clusters.size === 0;
  }

  /** The connector that claims this exact cluster name. */
  forCluster(cluster: string): Connector | undefined {
    return this.#clusters.get(cluster);
  }

  /** What is claimed of a rule, or undefined when nothing is. `kind` in any case. */
  forRule(kind: string, namespace: string, name: string, rule: number): RuleClaims | undefined {
    const exact = this.#rules.get(ruleKey({ kind, namespace, name, rule }));
    const general = this.#rules.get(ruleKey({ kind, namespace, name }));
    if (exact === undefined || general === undefined) return exact ?? general;
    const whole = exact.whole ?? general.whole;
    const byBackend = new Map([...general.byBackend, ...exact.byBackend]);
    return whole === undefined ? { byBackend } : { whole, byBackend };
  }

  #addRoute(connector: Connector, claim: RouteClaim): void {
    const key = ruleKey(claim);
    const claims = this.#rules.get(key) ?? { byBackend: new Map() };
    if (claim.backend === undefined) claims.whole = connector;
    else claims.byBackend.set(claim.backend, connector);
    this.#rules.set(key, claims);
  }
}

interface RuleKeyParts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule?: number | undefined;
}

function ruleKey({ kind, namespace, name, rule }: RuleKeyParts): string {
  return `${kind.toLowerCase()}/${namespace}/${name}/${rule ?? '*'}`;
}

/** Every pair of entries of which both claim one backendRef or one cluster name. */
export function findClaimConflicts(entries: readonly ConnectorEntry[]): ClaimConflict[] {
  const conflicts: ClaimConflict[] = [];
  const clusterOwners = new Map<string, number>();
  const routeClaims = new Map<string, { claim: RouteClaim; entry: number }[]>();
  entries.forEach(({ routes, clusters }, entry) => {
    for (const cluster of clusters) {
      const owner = clusterOwners.get(cluster);
      if (owner === undefined) clusterOwners.set(cluster, entry);
      else if (owner !== entry) {
        conflicts.push({ claim: `cluster ${cluster}`, entries: [owner, entry] });
      }
    }
    for (const claim of routes) {
      const key = ruleKey({ ...claim, rule: undefined });
      const earlier = routeClaims.get(key) ?? [];
      const other = earlier.find((one) => one.entry !== entry && overlap(one.claim, claim));
      if (other !== undefined) {
        conflicts.push({ claim: describeClaim(claim), entries: [other.entry, entry] });
      }
      routeClaims.set(key, [...earlier, { claim, entry }]);
    }
  });
  return conflicts;
}

function overlap(a: RouteClaim, b: RouteClaim): boolean {
  return meets(a.rule, b.rule) && meets(a.backend, b.backend);
}

function meets(a: number | undefined, b: number | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

function describeClaim({ kind, namespace, name, rule, backend }: RouteClaim): string {
  const where = [`${kind} ${namespace}/${name}`];
  if (rule !== undefined) where.push(`rule ${rule}`);
  if (backend !== undefined) where.push(`backend ${backend}`);
  return where.join(' ');
}
