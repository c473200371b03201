import * as z from 'zod';

/** The label by which a replica's namespace in an edge cluster names the one it comes from. */
export const upstreamNamespaceLabel = 'meta.datumapis.com/upstream-namespace';

const namespaceSchema = z.object({
  metadata: z.object({
    labels: z.object({ [upstreamNamespaceLabel]: z.string().optional() }).nullish(),
  }),
});

/** What is kept of a Namespace: the upstream namespace it is a replica of, if it is one. */
export interface NamespaceOrigin {
  readonly upstream?: string;
}

/** The upstream namespace that a Namespace names. Never throws. */
export function readNamespaceOrigin(object: unknown): NamespaceOrigin {
  const upstream =
    namespaceSchema.safeParse(object).data?.metadata.labels?.[upstreamNamespaceLabel];
  return upstream === undefined || upstream === '' ? {} : { upstream };
}

/** All namespaces and where they come from. */
export class NamespaceOrigins {
  readonly #origins = new Map<string, NamespaceOrigin>();
  /** Sorted, so that of several replicas it is always the same one that is asked first. */
  readonly #replicas = new Map<string, readonly string[]>();

  set(namespace: string, origin: NamespaceOrigin | undefined): void {
    const before = this.#origins.get(namespace)?.upstream;
    if (origin === undefined) this.#origins.delete(namespace);
    else this.#origins.set(namespace, origin);
    if (before === origin?.upstream) return;
    if (before !== undefined) this.#setReplicas(before, this.replicasOf(before), namespace);
    if (origin?.upstream !== undefined) {
      const others = this.replicasOf(origin.upstream);
      this.#setReplicas(origin.upstream, [...others, namespace].sort());
    }
  }

  /** Whether there is a Namespace of this name. */
  exists(namespace: string): boolean {
    return this.#origins.has(namespace);
  }

  /** The namespaces that name this one as their upstream, sorted. */
  replicasOf(namespace: string): readonly string[] {
    return this.#replicas.get(namespace) ?? [];
  }

  /** Upstream namespaces with more than one replica. */
  *replicatedTwice(): Iterable<readonly [upstream: string, replicas: readonly string[]]> {
    for (const entry of this.#replicas) if (entry[1].length > 1) yield entry;
  }

  /**
   * Where the HTTPProxy of a route can be, best first: the route's own namespace and its replicas,
   * then the upstream namespace that its own one names, and that one's replicas.
   */
  *candidates(namespace: string): Iterable<string> {
    yield namespace;
    yield* this.replicasOf(namespace);
    const upstream = this.#origins.get(namespace)?.upstream;
    if (upstream === undefined) return;
    yield upstream;
    yield* this.replicasOf(upstream);
  }

  #setReplicas(upstream: string, replicas: readonly string[], without?: string): void {
    const rest = replicas.filter((namespace) => namespace !== without);
    if (rest.length === 0) this.#replicas.delete(upstream);
    else this.#replicas.set(upstream, rest);
  }
}
