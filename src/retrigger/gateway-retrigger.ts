import type { Check } from '../observe/check.ts';
import type { DecidedSplit } from '../rewrites/empty-backends/decided-split.ts';
import type { BackendRefView } from '../state/kubernetes/backend-refs/backend-ref-view.ts';
import { Informers } from '../state/kubernetes/informers.ts';
import { type KubernetesView, objectKey } from '../state/kubernetes/kubernetes-view.ts';
import { watchedFeed } from '../state/kubernetes/object-feed.ts';
import { gateways, httpRoutes, type Resource } from '../state/kubernetes/resources.ts';
import { gatewayAnnotationsOf } from '../xds/gateways.ts';
import type { Snapshot } from '../xds/snapshot.ts';
import { AnsweredDecisions, type Correction } from './answered-decisions.ts';
import type { CallWatch } from './call-watch.ts';
import { DueQueue } from './due-queue.ts';
import { GatewayGenerations } from './gateway-generation.ts';
import {
  type GatewayMark,
  generationInSnapshot,
  readGatewayMark,
  readParentGateways,
} from './gateway-objects.ts';
import { GatewayPatcher, type GatewayPatcherOptions } from './gateway-patcher.ts';
import { type AnsweredTranslation, annotationFor, generationOf } from './generation-value.ts';
import { SelfCorrectionLog } from './self-correction-log.ts';
import { splitsByGateway } from './splits-by-gateway.ts';

/** Milliseconds. A flip must be live within 2 s, and a burst of flips be few translations. */
const pauses = {
  /** From a change to the patch: what else changes meanwhile goes with it. */
  collect: 100,
  /** From one patch of a Gateway to its next. */
  between: 500,
  /** Until somebody else's annotation is put right: its change has led to a translation already. */
  heal: 10_000,
};

/** Patches at a time. */
const concurrency = 4;

/** What the retrigger needs. */
export interface GatewayRetriggerOptions extends GatewayPatcherOptions {
  readonly view: KubernetesView;
  readonly backendRefs: BackendRefView;
  /** Resolves when the view is complete. */
  readonly viewSynced: Promise<void>;
  /** Namespaces to watch; none: all. */
  readonly namespaces: readonly string[];
}

/** A Gateway as we know it. */
interface KnownGateway {
  /** Its annotation, by the last event. */
  seen: string | undefined;
  /** The annotation that we wrote, until an event shows it. */
  written?: { readonly annotation: string | undefined } | undefined;
  writtenAt: number;
  answered?: AnsweredTranslation;
}

/** What happened while an answer was decided and on its way. */
interface ChangedSince {
  readonly gateways: Set<string>;
  readonly routes: Set<string>;
}

/** An annotation to write, and the correction that it brings, if it does. */
interface Patch {
  readonly gateway: KnownGateway;
  readonly annotation: string | undefined;
  readonly correction: Correction;
}

/**
 * Makes Envoy Gateway translate a Gateway again when state that matters to it has changed: the
 * Gateway is annotated with a hash of that state. Equal state is no write, whoever wrote it, so
 * several Offramps may run.
 */
export class GatewayRetrigger {
  readonly informers: Informers;
  readonly #generations: GatewayGenerations;
  readonly #patcher: GatewayPatcher;
  readonly #queue = new DueQueue(concurrency, (gateway) => this.#reconcile(gateway));
  readonly #gateways = new Map<string, KnownGateway>();
  readonly #forbidden = new Set<string>();
  readonly #decisions: AnsweredDecisions;
  readonly #selfCorrections: SelfCorrectionLog;
  /** For each call that is not over, or still to be looked at: what changed since its start. */
  readonly #looks = new Set<ChangedSince>();
  #isStarted = false;

  constructor(options: GatewayRetriggerOptions) {
    const { view, backendRefs, viewSynced, namespaces, log } = options;
    this.#patcher = new GatewayPatcher(options);
    this.informers = new Informers(log);
    this.#generations = new GatewayGenerations(view, (gateway) => this.#changed(gateway));
    view.listen(this.#generations);
    this.#decisions = new AnsweredDecisions(backendRefs);
    this.#selfCorrections = new SelfCorrectionLog(options);
    backendRefs.listen((route) => this.#routeChanged(route));
    const scopes = namespaces.length === 0 ? [undefined] : namespaces;
    for (const namespace of scopes) this.#follow(options, namespace);
    this.informers.start();
    void Promise.all([viewSynced, this.informers.whenSettled()]).then(() => {
      this.#isStarted = true;
      this.#generations.allRoutes();
    });
  }

  /**
   * Remembers from which state a translation is answered. A hook call waits for this, so it looks
   * at the snapshot in the next turn of the event loop, in which the answer begins to leave. What
   * changes from the start of the call until then counts as changed: it may have been decided already.
   */
  watchCall(): CallWatch {
    const since: ChangedSince = { gateways: new Set(), routes: new Set() };
    this.#looks.add(since);
    let isAnswered = false;
    return {
      answered: (snapshot, splits) => {
        isAnswered = true;
        this.#lookLater(snapshot, splits, since);
      },
      end: () => {
        if (!isAnswered) this.#looks.delete(since);
      },
    };
  }

  #lookLater(snapshot: Snapshot, splits: readonly DecidedSplit[], since: ChangedSince): void {
    const at = performance.now();
    setImmediate(() => {
      this.#looks.delete(since);
      for (const [key, annotation] of gatewayAnnotationsOf(snapshot, generationInSnapshot)) {
        this.#wasAnswered(key, annotation, since);
      }
      if (splits.length === 0) return;
      for (const [key, decided] of splitsByGateway(snapshot, splits)) {
        this.#decisions.remember(key, decided, at);
      }
      for (const route of since.routes) this.#routeChanged(route);
    });
  }

  #wasAnswered(key: string, annotation: string | undefined, since: ChangedSince): void {
    const hasChanged = since.gateways.has(key);
    const generation = hasChanged ? undefined : this.#generations.of(key);
    const gateway = this.#gateways.get(key);
    if (gateway !== undefined) gateway.answered = { annotation, generation };
    if (hasChanged) this.#changed(key); // it was looked at before this answer
    this.#decisions.forget(key);
  }

  checks(): Check[] {
    const troubles = this.#patcher.checks();
    const well: Check = { name: 'retrigger', ok: true, detail: 'Gateways are annotated' };
    return [...this.informers.checks(), ...(troubles.length === 0 ? [well] : troubles)];
  }

  stop(): void {
    this.#isStarted = false;
    this.#queue.stop();
    this.#patcher.stop();
    this.informers.stop();
  }

  #follow({ api }: GatewayRetriggerOptions, namespace: string | undefined): void {
    const options = (resource: Resource) => ({
      feed: watchedFeed(api, { resource, namespace }),
      withoutIt:
        'not every Gateway is retriggered; a change of state arrives with the next translation',
      allowed: (allowed: boolean) => {
        const what = `${resource.kind} ${namespace ?? ''}`;
        if (allowed) this.#forbidden.delete(what);
        else this.#forbidden.add(what);
        this.#generations.allRoutes();
      },
    });
    this.informers.add({
      ...options(httpRoutes),
      read: readParentGateways,
      changed: (within, name, parents) => this.#generations.setRoute(within, name, parents),
    });
    this.informers.add({
      ...options(gateways),
      read: readGatewayMark,
      changed: (within, name, mark) => this.#gatewayChanged(within, name, mark),
    });
  }

  #gatewayChanged(namespace: string, name: string, mark: GatewayMark | undefined): void {
    const key = objectKey(namespace, name);
    const known = this.#gateways.get(key);
    if (mark === undefined) {
      this.#gateways.delete(key);
      this.#queue.delete(key);
      this.#patcher.forget(key);
      this.#decisions.forget(key);
      this.#generations.setGateway(namespace, name, false);
    } else if (known === undefined) {
      this.#gateways.set(key, { seen: mark.generation, writtenAt: Number.NEGATIVE_INFINITY });
      this.#generations.setGateway(namespace, name, true);
    } else {
      known.seen = mark.generation;
      if (known.written?.annotation === mark.generation) known.written = undefined;
      if (this.#isStarted) this.#queue.add(key, pauses.heal);
    }
  }

  /** The state that matters to this Gateway may be another one now. */
  #changed(key: string): void {
    for (const { gateways: changed } of this.#looks) changed.add(key);
    if (this.#isStarted && this.#gateways.has(key)) this.#queue.add(key, pauses.collect);
  }

  /** What is behind this route's backendRefs may be something else now. */
  #routeChanged(route: string): void {
    for (const { routes } of this.#looks) routes.add(route);
    for (const key of this.#decisions.gatewaysOf(route)) {
      const delay = this.#decisions.suspect(key, performance.now());
      if (this.#isStarted && this.#gateways.has(key)) this.#queue.add(key, delay);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const gateway = this.#gateways.get(key);
    const now = performance.now();
    const correction = this.#decisions.check(key, now);
    const generation = this.#generations.of(key);
    if (gateway === undefined) return;
    if (correction.kind === 'later') this.#queue.add(key, correction.milliseconds);
    if (generation === undefined && correction.kind !== 'due') return;
    const untilNext = gateway.writtenAt + pauses.between - now;
    if (untilNext > 0) return this.#queue.add(key, untilNext);
    // An event that never came, for instance because another write came before the next list.
    if (now - gateway.writtenAt >= pauses.heal) gateway.written = undefined;
    const current = gateway.written === undefined ? gateway.seen : gateway.written.annotation;
    const wanted = annotationFor(
      {
        generation: generation ?? generationOf(current),
        correction: correction.kind === 'due' ? correction.value : undefined,
      },
      current,
      gateway.answered,
    );
    // Without all of the routes, a Gateway can seem to have no connectors.
    const isUnsure = wanted === undefined && this.#forbidden.size > 0;
    if (wanted !== current && !isUnsure) {
      return await this.#patch(key, { gateway, annotation: wanted, correction });
    }
    if (gateway.written !== undefined) this.#queue.add(key, pauses.heal);
    this.#patcher.forget(key);
    const refusal = await this.#patcher.askAgain(key);
    if (refusal?.kind === 'failed') this.#queue.add(key, refusal.retryIn);
  }

  async #patch(key: string, { gateway, annotation, correction }: Patch): Promise<void> {
    const outcome = await this.#patcher.patch(key, annotation);
    if (correction.kind === 'due') this.#selfCorrections.tell(key, correction, outcome);
    if (outcome.kind === 'failed') this.#queue.add(key, outcome.retryIn);
    if (outcome.kind !== 'written') return;
    gateway.written = gateway.seen === annotation ? undefined : { annotation };
    gateway.writtenAt = performance.now();
    if (correction.kind === 'due') {
      this.#decisions.asked(key, correction.value, gateway.writtenAt);
    }
    this.#queue.add(key, pauses.heal);
  }
}
