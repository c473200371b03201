import type { BackendRef, BackendRefLookup, RuleKey } from '../../backend-refs.ts';
import { KeyIndex } from '../key-index.ts';
import { classifyBackendRef, type ReferencedObjects, type ReferringRoute } from './classify.ts';
import type { BackendKind, EndpointCounts, Grants, RouteRules, ServicePorts } from './objects.ts';

/** A name in a namespace, both of which Kubernetes keeps free of `/`. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** A store of what is kept of one kind's objects. */
class Kept<T> {
  readonly #objects = new Map<string, T>();
  readonly #changed: (key: string, before: T | undefined, now: T | undefined) => void;

  constructor(changed: (key: string, before: T | undefined, now: T | undefined) => void) {
    this.#changed = changed;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  readonly set = (namespace: string, name: string, value: T | undefined): void => {
    const key = keyOf(namespace, name);
    const before = this.#objects.get(key);
    if (value === undefined) this.#objects.delete(key);
    else this.#objects.set(key, value);
    this.#changed(key, before, value);
  };
}

/** Told of each route, `httproute/<namespace>/<name>`, whose backendRefs may have become others. */
export type RouteListener = (route: string) => void;

/** What of the cluster a view gets to know. */
export interface BackendRefScope {
  /**
   * Whether it gets EndpointSlices; without, whoever exists and may be referred to is `valid`, and
   * no more is known.
   */
  readonly countsEndpoints: boolean;
  /** The namespaces that are read; none: all. */
  readonly namespaces?: readonly string[];
}

/**
 * What is behind the backendRefs of every route, by the objects in Kubernetes. Each event changes
 * one entry; a rule is classified when a hook call asks for it.
 */
export class BackendRefView implements BackendRefLookup {
  readonly httpRoutes = this.#keepRoutes('httproute');
  readonly grpcRoutes = this.#keepRoutes('grpcroute');
  readonly services = this.#keep<ServicePorts>('Service');
  readonly serviceImports = this.#keep<ServicePorts>('ServiceImport');
  readonly backends = this.#keep<BackendKind>('Backend');
  /** Routes by what their backendRefs depend on. */
  readonly #dependents = new KeyIndex();
  #listener: RouteListener | undefined;
  readonly #countsEndpoints: boolean;
  readonly #namespaces: ReadonlySet<string>;
  readonly #unknown = new Set<string>();
  readonly #slices = new Map<string, EndpointCounts>();
  readonly #slicesOf = new KeyIndex();
  readonly #grants = new Map<string, Map<string, Grants>>();
  readonly #objects: ReferencedObjects = {
    reads: (namespace) => this.#namespaces.size === 0 || this.#namespaces.has(namespace),
    service: (kind, namespace, name) =>
      (kind === 'Service' ? this.services : this.serviceImports).get(namespace, name),
    endpoints: (kind, namespace, name, portName) =>
      this.#countsEndpoints
        ? this.#count(`${kind} ${keyOf(namespace, name)}`, portName)
        : undefined,
    backend: (namespace, name) => this.backends.get(namespace, name),
    grants: (namespace) => this.#grants.get(namespace)?.values() ?? [],
  };

  constructor({ countsEndpoints, namespaces = [] }: BackendRefScope) {
    this.#countsEndpoints = countsEndpoints;
    this.#namespaces = new Set(namespaces);
  }

  /** Says that a kind may be read, or not: while one may not, nothing is known of any rule. */
  setKnown(what: string, known: boolean): void {
    if (known) this.#unknown.delete(what);
    else this.#unknown.add(what);
    for (const route of this.#dependents.get(everything)) this.#listener?.(route);
  }

  /** At most one, told from then on. */
  listen(listener: RouteListener): void {
    this.#listener = listener;
  }

  setSlice(namespace: string, name: string, slice: EndpointCounts | undefined): void {
    const key = keyOf(namespace, name);
    const before = this.#slices.get(key);
    const owners = [before, slice].flatMap((one) => (one ? [ownerKey(namespace, one)] : []));
    const [owner] = owners;
    if (before !== undefined && owner !== undefined) this.#slicesOf.delete(owner, key);
    if (slice === undefined) this.#slices.delete(key);
    else this.#slices.set(key, slice);
    if (slice !== undefined) this.#slicesOf.add(ownerKey(namespace, slice), key);
    // A big Service's rollout is thousands of events that leave every slice as useful as before.
    if (usefulness(before) === usefulness(slice)) return;
    for (const one of new Set(owners)) this.#tellDependents(one);
  }

  setGrants(namespace: string, name: string, grants: Grants | undefined): void {
    const there = this.#grants.get(namespace) ?? new Map<string, Grants>();
    if (grants === undefined) there.delete(name);
    else there.set(name, grants);
    this.#grants.set(namespace, there);
    this.#tellDependents(grantsKey(namespace));
  }

  forRule({ kind, namespace, name, rule }: RuleKey): readonly BackendRef[] | undefined {
    if (this.#unknown.size > 0) return undefined;
    const isGrpc = kind.toLowerCase() === 'grpcroute';
    const route: ReferringRoute = { kind: isGrpc ? 'GRPCRoute' : 'HTTPRoute', namespace };
    const refs = (isGrpc ? this.grpcRoutes : this.httpRoutes).get(namespace, name)?.rules[rule];
    return refs?.map((ref, backend) => ({
      backend,
      weight: ref.weight,
      ...classifyBackendRef(ref, route, this.#objects),
    }));
  }

  #keep<T>(kind: string): Kept<T> {
    return new Kept((key) => this.#tellDependents(`${kind} ${key}`));
  }

  #keepRoutes(kind: string): Kept<RouteRules> {
    return new Kept((key, before, now) => {
      const route = `${kind}/${key}`;
      for (const one of dependencies(before)) this.#dependents.delete(one, route);
      for (const one of dependencies(now)) this.#dependents.add(one, route);
      this.#listener?.(route);
    });
  }

  #tellDependents(on: string): void {
    if (this.#listener === undefined) return;
    for (const route of this.#dependents.get(on)) this.#listener(route);
  }

  #count(owner: string, portName: string): { ready: number; total: number } {
    const sum = { ready: 0, total: 0 };
    for (const key of this.#slicesOf.get(owner)) {
      const slice = this.#slices.get(key);
      if (slice === undefined || !slice.portNames.includes(portName)) continue;
      sum.ready += slice.ready;
      sum.total += slice.total;
    }
    return sum;
  }
}

function ownerKey(namespace: string, { owner }: EndpointCounts): string {
  return `${owner.kind} ${keyOf(namespace, owner.name)}`;
}

/** What every route depends on. */
const everything = '';

function grantsKey(namespace: string): string {
  return `ReferenceGrants ${namespace}`;
}

/** What the backendRefs of a route depend on. */
function dependencies(route: RouteRules | undefined): ReadonlySet<string> {
  if (route === undefined) return new Set();
  const refs = route.rules.flat();
  return new Set([
    everything,
    ...refs.map(({ kind, namespace, name }) => `${kind} ${keyOf(namespace, name)}`),
    ...refs.map(({ namespace }) => grantsKey(namespace)),
  ]);
}

/** What of a slice can change a verdict. */
function usefulness(slice: EndpointCounts | undefined): string {
  if (slice === undefined || slice.total === 0) return '';
  const { owner, portNames, ready } = slice;
  return JSON.stringify([owner.kind, owner.name, portNames, ready > 0]);
}
