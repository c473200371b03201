import type { BackendRef, BackendRefLookup, RuleKey } from '../../backend-refs.ts';
import { classifyBackendRef, type ReferencedObjects, type ReferringRoute } from './classify.ts';
import type { BackendKind, EndpointCounts, Grants, RouteRules, ServicePorts } from './objects.ts';

/** A name in a namespace, both of which Kubernetes keeps free of `/`. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** A store of what is kept of one kind's objects. */
class Kept<T> {
  readonly #objects = new Map<string, T>();

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  readonly set = (namespace: string, name: string, value: T | undefined): void => {
    if (value === undefined) this.#objects.delete(keyOf(namespace, name));
    else this.#objects.set(keyOf(namespace, name), value);
  };
}

/**
 * What is behind the backendRefs of every route, by the objects in Kubernetes. Each event changes
 * one entry; a rule is classified when a hook call asks for it.
 */
export class BackendRefView implements BackendRefLookup {
  readonly httpRoutes = new Kept<RouteRules>();
  readonly grpcRoutes = new Kept<RouteRules>();
  readonly services = new Kept<ServicePorts>();
  readonly serviceImports = new Kept<ServicePorts>();
  readonly backends = new Kept<BackendKind>();
  readonly #countsEndpoints: boolean;
  readonly #unknown = new Set<string>();
  readonly #slices = new Map<string, EndpointCounts>();
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #grants = new Map<string, Map<string, Grants>>();
  readonly #objects: ReferencedObjects = {
    service: (kind, namespace, name) =>
      (kind === 'Service' ? this.services : this.serviceImports).get(namespace, name),
    endpoints: (kind, namespace, name, portName) =>
      this.#countsEndpoints
        ? this.#count(`${kind} ${keyOf(namespace, name)}`, portName)
        : undefined,
    backend: (namespace, name) => this.backends.get(namespace, name),
    grants: (namespace) => this.#grants.get(namespace)?.values() ?? [],
  };

  /** Without EndpointSlices, whoever exists and may be referred to is `valid`, and no more is known. */
  constructor({ countsEndpoints }: { readonly countsEndpoints: boolean }) {
    this.#countsEndpoints = countsEndpoints;
  }

  /** Says that a kind may be read, or not: while one may not, nothing is known of any rule. */
  setKnown(what: string, known: boolean): void {
    if (known) this.#unknown.delete(what);
    else this.#unknown.add(what);
  }

  setSlice(namespace: string, name: string, slice: EndpointCounts | undefined): void {
    const key = keyOf(namespace, name);
    const before = this.#slices.get(key);
    if (before !== undefined) this.#slicesOf.get(ownerKey(namespace, before))?.delete(key);
    if (slice === undefined) {
      this.#slices.delete(key);
      return;
    }
    this.#slices.set(key, slice);
    const owner = ownerKey(namespace, slice);
    const siblings = this.#slicesOf.get(owner) ?? new Set();
    siblings.add(key);
    this.#slicesOf.set(owner, siblings);
  }

  setGrants(namespace: string, name: string, grants: Grants | undefined): void {
    const there = this.#grants.get(namespace) ?? new Map<string, Grants>();
    if (grants === undefined) there.delete(name);
    else there.set(name, grants);
    this.#grants.set(namespace, there);
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

  #count(owner: string, portName: string): { ready: number; total: number } {
    const sum = { ready: 0, total: 0 };
    for (const key of this.#slicesOf.get(owner) ?? []) {
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
