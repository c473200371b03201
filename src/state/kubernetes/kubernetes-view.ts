import { hashRule, hashText } from '../../xds/name-hash.ts';
import { byName, type ConnectorCondition } from '../connector-condition.ts';
import type { Connector, ConnectorLookup, RuleClaims, RuleKeyParts } from '../connectors.ts';
import { ConnectorPool } from './connector-pool.ts';
import type { ConnectorStatus } from './connector-status.ts';
import { CountedHashes } from './counted-hashes.ts';
import type { HttpProxy, ProxyRule } from './http-proxy.ts';
import { KeyIndex } from './key-index.ts';
import { type NamespaceOrigin, NamespaceOrigins } from './upstream-namespace.ts';

/** A name in a namespace, both of which Kubernetes keeps free of `/`. */
export function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Takes an `objectKey` apart. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Told of what may have changed for which HTTPRoutes. */
export interface ViewListener {
  /** For the routes of this name, in any namespace. */
  routesNamed(name: string): void;
  /** For the routes of this namespace. */
  routesIn(namespace: string): void;
  /** For all. */
  allRoutes(): void;
}

const noBackends: ReadonlyMap<number, Connector> = new Map();

/**
 * Which backendRefs are behind which connectors, by the objects in Kubernetes. Each event changes
 * only what it concerns, at a cost that does not grow with the fleet. A hook call that pauses may see
 * two moments; what changed since it started counts as changed after it (`CallWatch`).
 */
export class KubernetesView implements ConnectorLookup {
  readonly #proxies = new Map<string, HttpProxy>();
  /** Names of HTTPProxies by their namespaces. */
  readonly #proxyNames = new KeyIndex();
  readonly #namespaces = new NamespaceOrigins();
  readonly #connectors = new ConnectorPool();
  readonly #problems = new Map<string, readonly string[]>();
  readonly #unknown = new Set<string>();
  #allUnknown = false;
  #claiming = 0;
  /** The hashes of the names of HTTPProxies that claim something, and of the rules they claim. */
  readonly #claimingNames = new CountedHashes();
  readonly #claimedRules = new CountedHashes();
  #listener: ViewListener | undefined;
  /** What `connectors` answers until something changes. */
  #named: readonly Connector[] | undefined;

  /** At most one, told from then on. */
  listen(listener: ViewListener): void {
    this.#listener = listener;
  }

  setProxy(namespace: string, name: string, proxy: HttpProxy | undefined): void {
    const key = objectKey(namespace, name);
    const before = this.#proxies.get(key);
    this.#named = undefined;
    this.#countClaims(name, before, -1);
    this.#countClaims(name, proxy, 1);
    for (const connector of connectorNames(before)) {
      this.#connectors.use(objectKey(namespace, connector), key, false);
    }
    for (const connector of connectorNames(proxy)) {
      this.#connectors.use(objectKey(namespace, connector), key, true);
    }
    if (proxy === undefined) this.#proxies.delete(key);
    else this.#proxies.set(key, proxy);
    this.#proxyNames.put(namespace, name, proxy !== undefined);
    this.#setProblems(`HTTPProxy ${key}`, proxy?.problems);
    this.#listener?.routesNamed(name);
  }

  setConnector(namespace: string, name: string, status: ConnectorStatus | undefined): void {
    const key = objectKey(namespace, name);
    this.#named = undefined;
    this.#connectors.set(key, status);
    this.#setProblems(`Connector ${key}`, status?.problems);
    for (const user of this.#connectors.usersOf(key)) {
      this.#listener?.routesNamed(splitKey(user).name);
    }
  }

  setNamespace(namespace: string, origin: NamespaceOrigin | undefined): void {
    this.#namespaces.set(namespace, origin);
    this.#listener?.routesIn(namespace);
    for (const name of this.#proxyNames.get(namespace)) this.#listener?.routesNamed(name);
  }

  /**
   * Whether HTTPProxies and Connectors may be read, in one namespace or, without one, in all. What
   * may not be read is not taken for absent: no connector is claimed there.
   */
  setKnown(namespace: string | undefined, known: boolean): void {
    this.#named = undefined;
    if (namespace === undefined) this.#allUnknown = !known;
    else if (known) this.#unknown.delete(namespace);
    else this.#unknown.add(namespace);
    this.#listener?.allRoutes();
  }

  get isEmpty(): boolean {
    return this.#allUnknown || this.#claiming === 0;
  }

  get counts(): { readonly proxies: number; readonly connectors: number; readonly online: number } {
    const { existing, online } = this.#connectors.counts;
    return { proxies: this.#proxies.size, connectors: existing, online };
  }

  /** The same array until something changes: it is asked for at each scrape. */
  get connectors(): readonly Connector[] {
    this.#named ??= this.isEmpty ? [] : [...this.#allNamed()];
    return this.#named;
  }

  /** Every Connector that exists or is named by an HTTPProxy, sorted, for people. */
  connectorConditions(): readonly ConnectorCondition[] {
    return this.#connectors.conditions().sort(byName);
  }

  /** HTTPProxies claim routes only. */
  forCluster(): undefined {
    return undefined;
  }

  forRule({ kind, namespace, name, rule }: RuleKeyParts): RuleClaims | undefined {
    if (rule === undefined || kind.toLowerCase() !== 'httproute') return undefined;
    const found = this.#find(namespace, name);
    const claimed = found?.proxy.rules.find((one) => one.rule === rule);
    if (found === undefined || claimed === undefined) return undefined;
    const behind = this.#behind(found.namespace, claimed);
    const [only] = behind;
    if (claimed.isWhole && only !== undefined) return { whole: only[1], byBackend: noBackends };
    return { byBackend: new Map(behind) };
  }

  claimsRoute({ kind, namespace, name }: RuleKeyParts): boolean {
    if (kind.toLowerCase() !== 'httproute') return false;
    return (this.#find(namespace, name)?.proxy.rules.length ?? 0) > 0;
  }

  /** By its name alone: an HTTPProxy may be in another namespace than its route. */
  mayClaimRoute(_object: number, name: number): boolean {
    return this.#claimingNames.has(name);
  }

  mayClaimRule(_object: number, name: number, rule: number): boolean {
    return this.#claimedRules.has(hashRule(name, rule));
  }

  mayClaimCluster(): boolean {
    return false;
  }

  /** Whether what can be read is enough to say what an HTTPRoute is claimed by. */
  isKnown(namespace: string): boolean {
    if (this.#allUnknown) return false;
    if (this.#unknown.size === 0) return true;
    for (const one of this.#namespaces.candidates(namespace)) {
      if (this.#unknown.has(one)) return false;
    }
    return true;
  }

  /** All that is claimed of an HTTPRoute, as text that is equal when it is; '' for nothing. */
  describeRoute(namespace: string, name: string): string {
    const found = this.#find(namespace, name);
    if (found === undefined || found.proxy.rules.length === 0) return '';
    const rules = found.proxy.rules.map((rule) => [
      rule.rule,
      rule.isWhole,
      this.#behind(found.namespace, rule),
    ]);
    return JSON.stringify(rules);
  }

  /** What in the objects cannot be used as it is, each with its object, sorted. */
  problems(): readonly string[] {
    const ofObjects = [...this.#problems].flatMap(([object, problems]) =>
      problems.map((problem) => `${object}: ${problem}`),
    );
    return [...ofObjects, ...this.#conflicts()].sort();
  }

  #find(
    namespace: string,
    name: string,
  ): { readonly namespace: string; readonly proxy: HttpProxy } | undefined {
    if (this.#allUnknown) return undefined;
    for (const candidate of this.#namespaces.candidates(namespace)) {
      if (this.#unknown.has(candidate)) return undefined;
      const proxy = this.#proxies.get(objectKey(candidate, name));
      if (proxy !== undefined) return { namespace: candidate, proxy };
    }
    return undefined;
  }

  #allNamed(): ReadonlySet<Connector> {
    const found = new Set<Connector>();
    for (const [key, { rules }] of this.#proxies) {
      const { namespace } = splitKey(key);
      if (this.#unknown.has(namespace)) continue;
      for (const rule of rules) for (const one of this.#behind(namespace, rule)) found.add(one[1]);
    }
    return found;
  }

  #behind(namespace: string, { backends }: ProxyRule): (readonly [number, Connector])[] {
    return backends.map(({ backend, connector, host, port }) => [
      backend,
      this.#connectors.get(objectKey(namespace, connector), host, port),
    ]);
  }

  #countClaims(name: string, proxy: HttpProxy | undefined, more: number): void {
    const { rules } = proxy ?? { rules: [] };
    if (rules.length === 0) return;
    this.#claiming += more;
    const hash = hashText(name);
    this.#claimingNames.count(hash, more);
    for (const { rule } of rules) this.#claimedRules.count(hashRule(hash, rule), more);
  }

  #setProblems(object: string, problems: readonly string[] = []): void {
    if (problems.length === 0) this.#problems.delete(object);
    else this.#problems.set(object, problems);
  }

  /** Routes of a namespace that several of its replicas have an HTTPProxy for, and it has none. */
  #conflicts(): string[] {
    return [...this.#namespaces.replicatedTwice()]
      .filter(([upstream]) => this.#namespaces.exists(upstream))
      .flatMap(([upstream, replicas]) =>
        [...this.#ownersByName(replicas)]
          .filter(([name, owners]) => owners.length > 1 && !this.#hasProxy(upstream, name))
          .map(
            ([name, owners]) =>
              `HTTPRoute ${objectKey(upstream, name)}: ${owners.join(' and ')} each have an ` +
              `HTTPProxy for it; that of ${owners[0]} is used`,
          ),
      );
  }

  #ownersByName(namespaces: readonly string[]): Map<string, string[]> {
    const owners = new Map<string, string[]>();
    for (const namespace of namespaces) {
      for (const name of this.#proxyNames.get(namespace)) {
        owners.set(name, [...(owners.get(name) ?? []), namespace]);
      }
    }
    return owners;
  }

  #hasProxy(namespace: string, name: string): boolean {
    return this.#proxies.has(objectKey(namespace, name));
  }
}

function connectorNames(proxy: HttpProxy | undefined): ReadonlySet<string> {
  const backends = proxy?.rules.flatMap((rule) => rule.backends) ?? [];
  return new Set(backends.map(({ connector }) => connector));
}
