import { atOnce, Pace, partsPerStep, type Steps } from '../steps.ts';
import { hashObject, hashRule, hashText } from '../xds/name-hash.ts';

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

interface MutableRuleClaims {
  whole?: Connector;
  byBackend: Map<number, Connector>;
}

/** Which backendRefs and clusters belong to connectors: what the rewrites ask, whoever answers. */
export interface ConnectorLookup {
  /** Every connector that something belongs to. */
  readonly connectors: readonly Connector[];
  /** True when no backendRef and no cluster is claimed: no route needs to be looked at. */
  readonly isEmpty: boolean;
  /** The connector that claims this exact cluster name. */
  forCluster(cluster: string): Connector | undefined;
  /**
   * What is claimed of a rule, or undefined when nothing is. `kind` in any case.
   * Without `rule`: what is claimed of every rule of the route.
   */
  forRule(route: RuleKeyParts): RuleClaims | undefined;
  /** Whether anything is claimed of any rule of this route. `kind` in any case, '' for either. */
  claimsRoute(route: RuleKeyParts): boolean;
  /**
   * Whether anything may be claimed of a route that names an object with this `hashObject`, whose name
   * has this `hashName`. False is certain, and spares the reading of the route.
   */
  mayClaimRoute(object: number, name: number): boolean;
  /** The same of the rule with this index of such a route. */
  mayClaimRule(object: number, name: number, rule: number): boolean;
  /** Whether a cluster whose name has this `hashName` may be claimed by it. False is certain. */
  mayClaimCluster(cluster: number): boolean;
}

/** What is claimed of the rules of one route; the general claim, of every rule, is under undefined. */
type RouteClaims = Map<number | undefined, MutableRuleClaims>;

/**
 * The connectors of a list that somebody wrote down: built anew for each version of it. Each route of
 * a fleet is asked for several times a call, so nothing is put together for the asking.
 */
export class ConnectorView implements ConnectorLookup {
  static readonly empty = new ConnectorView([]);

  readonly #connectors: Connector[] = [];
  /** By namespace, name, and kind in small letters. */
  readonly #routes = new Map<string, Map<string, Map<string, RouteClaims>>>();
  readonly #clusters = new Map<string, Connector>();
  readonly #objectHashes = new Set<number>();
  /** Of the objects of which every rule is claimed. */
  readonly #wholeHashes = new Set<number>();
  readonly #ruleHashes = new Set<number>();
  readonly #clusterHashes = new Set<number>();

  constructor(entries: readonly ConnectorEntry[]) {
    atOnce(this.#add(entries));
  }

  /** A view of these entries, made with pauses. */
  static *inSteps(entries: readonly ConnectorEntry[]): Steps<ConnectorView> {
    const view = new ConnectorView([]);
    yield* view.#add(entries);
    return view;
  }

  get connectors(): readonly Connector[] {
    return this.#connectors;
  }

  get isEmpty(): boolean {
    return this.#routes.size === 0 && this.#clusters.size === 0;
  }

  forCluster(cluster: string): Connector | undefined {
    return this.#clusters.size === 0 ? undefined : this.#clusters.get(cluster);
  }

  forRule({ kind, namespace, name, rule }: RuleKeyParts): RuleClaims | undefined {
    const claims = this.#kindsOf(namespace, name)?.get(kind.toLowerCase());
    const exact = claims?.get(rule);
    const general = claims?.get(undefined);
    if (exact === undefined || general === undefined) return exact ?? general;
    const whole = exact.whole ?? general.whole;
    const byBackend = new Map([...general.byBackend, ...exact.byBackend]);
    return whole === undefined ? { byBackend } : { whole, byBackend };
  }

  claimsRoute({ kind, namespace, name }: RuleKeyParts): boolean {
    const kinds = this.#kindsOf(namespace, name);
    return kinds !== undefined && (kind === '' || kinds.has(kind.toLowerCase()));
  }

  mayClaimRoute(object: number): boolean {
    return this.#objectHashes.has(object);
  }

  mayClaimRule(object: number, _name: number, rule: number): boolean {
    return this.#wholeHashes.has(object) || this.#ruleHashes.has(hashRule(object, rule));
  }

  mayClaimCluster(cluster: number): boolean {
    return this.#clusterHashes.has(cluster);
  }

  #kindsOf(namespace: string, name: string): Map<string, RouteClaims> | undefined {
    return this.#routes.get(namespace)?.get(name);
  }

  *#add(entries: readonly ConnectorEntry[]): Steps<void> {
    const pace = new Pace(partsPerStep);
    for (const { connector, routes, clusters } of entries) {
      this.#connectors.push(connector);
      if (pace.isPauseDue()) yield;
      for (const claim of routes) {
        this.#addRoute(connector, claim);
        if (pace.isPauseDue()) yield;
      }
      for (const cluster of clusters) {
        this.#clusters.set(cluster, connector);
        this.#clusterHashes.add(hashText(cluster));
        if (pace.isPauseDue()) yield;
      }
    }
  }

  #addRoute(connector: Connector, claim: RouteClaim): void {
    const object = hashObject(hashText(claim.namespace), hashText(claim.name));
    this.#objectHashes.add(object);
    if (claim.rule === undefined) this.#wholeHashes.add(object);
    else this.#ruleHashes.add(hashRule(object, claim.rule));
    const names = this.#routes.get(claim.namespace) ?? new Map<string, Map<string, RouteClaims>>();
    const kinds = names.get(claim.name) ?? new Map<string, RouteClaims>();
    const kind = claim.kind.toLowerCase();
    const rules: RouteClaims = kinds.get(kind) ?? new Map();
    const claims: MutableRuleClaims = rules.get(claim.rule) ?? { byBackend: new Map() };
    if (claim.backend === undefined) claims.whole = connector;
    else claims.byBackend.set(claim.backend, connector);
    this.#routes.set(
      claim.namespace,
      names.set(claim.name, kinds.set(kind, rules.set(claim.rule, claims))),
    );
  }
}

/** A rule of a route, by the names that Kubernetes uses. */
export interface RuleKeyParts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule?: number | undefined;
}
