import type { Logger } from 'pino';
import type { State } from '../../rewrites/pipeline.ts';
import type { ConnectorCondition } from '../connector-condition.ts';
import type { SourceStatus, StateSource } from '../source.ts';
import type { ApiServer } from './api-server.ts';
import { forEachBackendRefKind } from './backend-refs/backend-ref-kinds.ts';
import { BackendRefView } from './backend-refs/backend-ref-view.ts';
import { Informers } from './informers.ts';
import { KubernetesView } from './kubernetes-view.ts';
import { ObjectProblems } from './object-problems.ts';
import { forEachStateKind } from './state-kinds.ts';

/** What the source reads, and where it tells of it. */
export interface KubernetesSourceOptions {
  readonly api: ApiServer;
  /** Namespaces to watch; none: all. */
  readonly namespaces: readonly string[];
  /** Whether to read the EndpointSlices of backendRefs; without, Envoy Gateway says which are ready. */
  readonly countsEndpoints: boolean;
  readonly log: Logger;
}

/** Reads connectors and backendRefs from the Kubernetes API and keeps up with its changes. */
export class KubernetesSource implements StateSource {
  readonly view = new KubernetesView();
  readonly backendRefs: BackendRefView;
  readonly state: State;
  readonly informers: Informers;
  readonly #api: ApiServer;
  readonly #problems: ObjectProblems;

  constructor(options: KubernetesSourceOptions) {
    const { api, namespaces, countsEndpoints, log } = options;
    const { view } = this;
    const backendRefs = new BackendRefView({ countsEndpoints, namespaces });
    this.backendRefs = backendRefs;
    this.state = { connectors: view, backendRefs };
    this.#api = api;
    this.#problems = new ObjectProblems(() => view.problems(), log);
    this.informers = new Informers(log);
    forEachStateKind({ api, namespaces, view }, (kind) => {
      const changed: typeof kind.changed = (...object) => {
        kind.changed(...object);
        this.#problems.changed();
      };
      this.informers.add({ ...kind, changed });
    });
    forEachBackendRefKind({ api, namespaces, countsEndpoints, view: backendRefs }, (kind) => {
      this.informers.add(kind);
    });
    this.informers.start();
    void this.informers.whenSettled().then(() => {
      log.info({ server: api.address, ...view.counts }, 'Kubernetes objects read');
    });
  }

  whenSynced(): Promise<void> {
    return this.informers.whenSettled();
  }

  status(): SourceStatus {
    const { isSettled, staleSince } = this.informers;
    return {
      name: 'kubernetes',
      synced: isSettled,
      detail: isSettled ? describeCounts(this.view) : this.#awaited(),
      problems: staleSince === undefined ? [] : ['the Kubernetes API cannot be watched: see below'],
      ageSeconds: staleSince === undefined ? 0 : (performance.now() - staleSince) / 1000,
      checks: [...this.informers.checks(), ...this.#problems.checks()],
      unusableObjects: this.#problems.count,
    };
  }

  connectorConditions(): readonly ConnectorCondition[] {
    return this.view.connectorConditions();
  }

  stop(): void {
    this.#problems.stop();
    this.informers.stop();
    this.#api.close();
  }

  #awaited(): string {
    return `waiting for ${this.#api.address}: ${this.informers.inState('waiting').join('; ')}`;
  }
}

/** What a view knows, in a few words. */
export function describeCounts({ counts }: KubernetesView): string {
  const { proxies, connectors, online } = counts;
  return `${proxies} HTTPProxies, ${connectors} Connectors, ${online} of them online`;
}
