import { createHash } from 'node:crypto';
import { KeyIndex } from '../state/kubernetes/key-index.ts';
import {
  type KubernetesView,
  objectKey,
  splitKey,
  type ViewListener,
} from '../state/kubernetes/kubernetes-view.ts';

/** What the state that matters to a Gateway comes to: a hash, `none`, or unknown for now. */
export type Generation = string | 'none' | undefined;

/** A Gateway without connectors: it has no annotation of ours. */
export const noGeneration = 'none';

/**
 * Which state matters to which Gateway, and a hash of it. A Gateway is concerned by the HTTPRoutes
 * attached to it, and by the HTTPProxy of its own name. Only what an event concerns is hashed anew.
 */
export class GatewayGenerations implements ViewListener {
  readonly #view: KubernetesView;
  readonly #changed: (gateway: string) => void;
  readonly #parents = new Map<string, readonly string[]>();
  readonly #routesOfGateway = new KeyIndex();
  readonly #routesByName = new KeyIndex();
  readonly #routesByNamespace = new KeyIndex();
  readonly #gatewaysByName = new KeyIndex();
  readonly #gatewaysByNamespace = new KeyIndex();
  readonly #gateways = new Set<string>();
  readonly #known = new Map<string, Generation>();

  /** `changed` is told of each Gateway whose generation may be another one now. */
  constructor(view: KubernetesView, changed: (gateway: string) => void) {
    this.#view = view;
    this.#changed = changed;
  }

  /** An HTTPRoute is attached to these Gateways, or gone. */
  setRoute(namespace: string, name: string, parents: readonly string[] | undefined): void {
    const route = objectKey(namespace, name);
    for (const gateway of this.#parents.get(route) ?? []) {
      this.#routesOfGateway.delete(gateway, route);
      this.#forget(gateway);
    }
    if (parents === undefined) this.#parents.delete(route);
    else this.#parents.set(route, parents);
    this.#routesByName.put(name, route, parents !== undefined);
    this.#routesByNamespace.put(namespace, route, parents !== undefined);
    for (const gateway of parents ?? []) {
      this.#routesOfGateway.add(gateway, route);
      this.#forget(gateway);
    }
  }

  /** A Gateway is there, or gone. */
  setGateway(namespace: string, name: string, exists: boolean): void {
    const gateway = objectKey(namespace, name);
    if (exists) this.#gateways.add(gateway);
    else this.#gateways.delete(gateway);
    this.#gatewaysByName.put(name, gateway, exists);
    this.#gatewaysByNamespace.put(namespace, gateway, exists);
    this.#forget(gateway);
  }

  routesNamed(name: string): void {
    for (const gateway of this.#gatewaysByName.get(name)) this.#forget(gateway);
    for (const route of this.#routesByName.get(name)) this.#forgetParents(route);
  }

  routesIn(namespace: string): void {
    for (const gateway of this.#gatewaysByNamespace.get(namespace)) this.#forget(gateway);
    for (const route of this.#routesByNamespace.get(namespace)) this.#forgetParents(route);
  }

  allRoutes(): void {
    for (const gateway of this.#gateways) this.#forget(gateway);
  }

  /** All Gateways there are. */
  get gateways(): Iterable<string> {
    return this.#gateways;
  }

  /** The generation of a Gateway; undefined while it cannot be told. */
  of(gateway: string): Generation {
    if (!this.#known.has(gateway)) this.#known.set(gateway, this.#compute(gateway));
    return this.#known.get(gateway);
  }

  #compute(gateway: string): Generation {
    const routes = new Set([gateway, ...this.#routesOfGateway.get(gateway)]);
    const claims: string[] = [];
    for (const route of [...routes].sort()) {
      const { namespace, name } = splitKey(route);
      if (!this.#view.isKnown(namespace)) return undefined;
      const claim = this.#view.describeRoute(namespace, name);
      if (claim !== '') claims.push(`${route} ${claim}`);
    }
    if (claims.length === 0) return noGeneration;
    return createHash('sha256').update(claims.join('\n')).digest('hex').slice(0, 12);
  }

  #forgetParents(route: string): void {
    for (const gateway of this.#parents.get(route) ?? []) this.#forget(gateway);
  }

  #forget(gateway: string): void {
    this.#known.delete(gateway);
    this.#changed(gateway);
  }
}
