import { status } from '@grpc/grpc-js';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { invariantReasons, isInvariantReason } from '../invariants/violation.ts';
import { type Report, skipReasons, unresolvedReasons } from '../rewrites/report.ts';
import type { WatchState } from '../state/kubernetes/informers.ts';
import type { StateSource } from '../state/source.ts';
import type { Check } from './check.ts';
import { RpcMetrics } from './rpc-metrics.ts';
import { ServerMetrics } from './server-metrics.ts';
import {
  registerReadinessGauge,
  registerSourceGauges,
  registerWatchGauge,
} from './state-gauges.ts';
import type { Summary } from './summary.ts';

/** Seconds; from one millisecond, a small fleet, to what a very large one may take. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Bytes, from one kibibyte to 256 MiB, the largest message that is accepted. */
const sizeBuckets = [2 ** 10, 2 ** 14, 2 ** 17, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26, 2 ** 28];

/** Gauges called `_total`, of which promtool complains; without it they say the same, by type. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** How a hook call ended. */
export type Outcome = 'ok' | 'invalid' | 'timeout' | 'error';

/** Parts of a hook call that are timed. */
export type Phase = 'read' | 'rewrite' | 'encode';

/** Every metric of Offramp; their help texts say what to do with them. */
export class Metrics {
  readonly registry = new Registry();
  /** `grpc_server_*`. */
  readonly rpcs: RpcMetrics;
  readonly server: ServerMetrics;
  readonly #prefix: string;

  readonly hookDuration;
  readonly hookCalls;
  readonly rpcDuration;
  readonly phaseDuration;
  readonly snapshotBytes;
  readonly hookPanics;
  readonly stateReloads;
  readonly retriggers;
  readonly selfCorrections;
  readonly recordings;
  readonly #clustersReplaced;
  readonly #routesApplied;
  readonly #offlineRoutes;
  readonly #emptyDropped;
  readonly #emptyUnresolved;
  readonly #fallbackRoutes;
  readonly #skipped;
  readonly #violations;
  readonly #watches: (() => readonly WatchState[])[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
    collectDefaultMetrics({ register: this.registry });
    for (const name of misnamed) this.registry.removeSingleMetric(name);
    this.rpcs = new RpcMetrics(this.registry);
    this.server = new ServerMetrics(this.registry, prefix);
    this.hookDuration = this.#histogram(
      'hook_duration_seconds',
      'Seconds one PostTranslateModify call took to decide and encode. Envoy Gateway waits for it.',
      ['outcome'],
      durationBuckets,
    );
    this.hookCalls = this.#counter(
      'hook_calls_total',
      'PostTranslateModify calls by outcome: ok, invalid (malformed envelope), timeout (longer than ' +
        'grpc.limits.callBudget), error (exception). ' +
        'Alert on any but ok: that translation was not published.',
      ['outcome'],
    );
    this.rpcDuration = this.#histogram(
      'rpc_duration_seconds',
      'Seconds from the arrival of a PostTranslateModify request to the hand-over of its answer.',
      ['outcome'],
      durationBuckets,
    );
    this.phaseDuration = this.#histogram(
      'phase_duration_seconds',
      'Seconds of a PostTranslateModify call by phase: read, rewrite, encode.',
      ['phase'],
      durationBuckets,
    );
    this.snapshotBytes = this.#histogram(
      'snapshot_bytes',
      'Size of the snapshots received. Compare with maxMessageSize of Envoy Gateway.',
      [],
      sizeBuckets,
    );
    this.hookPanics = this.#counter(
      'hook_panics_total',
      'Unexpected exceptions in a hook call, answered UNAVAILABLE. Alert on any: it is a bug.',
    );
    this.stateReloads = this.#counter(
      'state_reloads_total',
      'State files read by outcome: loaded, rejected. Alert on rejected: the last good state stays.',
      ['outcome'],
    );
    this.retriggers = this.#counter(
      'retriggers_total',
      'Gateways that Envoy Gateway was made to translate again, by outcome: ok, failed. Alert on failed.',
      ['outcome'],
    );
    this.selfCorrections = this.#counter(
      'self_corrections_total',
      'Retriggers of Gateways whose last answer took a backendRef for something that it is not, by ' +
        'outcome: ok, failed. Alert on failed: their splits stay wrong until the next translation.',
      ['outcome'],
    );
    this.recordings = this.#counter(
      'recordings_total',
      'Hook requests that --record saved (ok), could not save (failed), or had to skip (dropped).',
      ['outcome'],
    );
    this.#clustersReplaced = this.#counter(
      'connector_clusters_replaced_total',
      'Clusters replaced by the tunnel of an online connector.',
    );
    this.#routesApplied = this.#counter(
      'connector_routes_applied_total',
      'Virtual hosts in which a connector changed something.',
    );
    this.#offlineRoutes = this.#counter(
      'connector_offline_routes_total',
      'Routes answered because their connector is offline; CONNECT routes are not counted.',
    );
    this.#emptyDropped = this.#counter(
      'empty_backends_dropped_total',
      'BackendRefs that left their split because nothing behind them takes requests.',
    );
    this.#emptyUnresolved = this.#counter(
      'empty_backends_unresolved_total',
      'Splits that stayed because empty could not be told from invalid, by reason. Alert when it ' +
        'keeps growing: empty backendRefs go on taking their share, as 503.',
      ['reason'],
    );
    this.#fallbackRoutes = this.#counter(
      'fallback_routes_total',
      'Routes to VMs that got the control-plane fallback. What it does in traffic, Envoy counts.',
    );
    this.#skipped = this.#counter(
      'rewrites_skipped_total',
      'Things left as they came although the state spoke of them, by reason. explain says which.',
      ['reason'],
    );
    this.#violations = this.#counter(
      'invariant_violations_total',
      'Changes of a rewrite that were taken back because Envoy would have refused them, by reason. ' +
        'Alert on any: it is a bug. Traffic goes where it would without that change.',
      ['reason'],
    );
    const readWatches = () => this.#watches.flatMap((read) => read());
    registerWatchGauge(this.registry, prefix, readWatches);
    // From the start, so that increase() sees the first one.
    for (const outcome of ['ok', 'invalid', 'timeout', 'error']) this.hookCalls.inc({ outcome }, 0);
    for (const outcome of ['loaded', 'rejected']) this.stateReloads.inc({ outcome }, 0);
    for (const outcome of ['ok', 'failed']) this.retriggers.inc({ outcome }, 0);
    for (const outcome of ['ok', 'failed']) this.selfCorrections.inc({ outcome }, 0);
    for (const outcome of ['ok', 'failed', 'dropped']) this.recordings.inc({ outcome }, 0);
    for (const reason of skipReasons) this.#skipped.inc({ reason }, 0);
    for (const reason of unresolvedReasons) this.#emptyUnresolved.inc({ reason }, 0);
    for (const reason of invariantReasons) this.#violations.inc({ reason }, 0);
  }

  /** Times one answered PostTranslateModify RPC. */
  observeRpc(code: status, seconds: number): void {
    const outcome: Outcome =
      code === status.OK ? 'ok' : code === status.INVALID_ARGUMENT ? 'invalid' : 'error';
    this.rpcDuration.observe({ outcome }, seconds);
  }

  /** Counts what was done to a snapshot, as its summary and its report say. */
  countReport({ skips }: Report, summary: Summary): void {
    this.#clustersReplaced.inc(summary.clusters_replaced);
    this.#routesApplied.inc(summary.vhosts_connector_applied);
    this.#offlineRoutes.inc(summary.connector_offline_routes);
    this.#emptyDropped.inc(summary.empty_backends_dropped);
    this.#fallbackRoutes.inc(summary.fallback_routes);
    for (const { reason } of skips) {
      this.#skipped.inc({ reason });
      if (unresolvedReasons.includes(reason)) this.#emptyUnresolved.inc({ reason });
      if (isInvariantReason(reason)) this.#violations.inc({ reason });
    }
  }

  /** Shows in which condition kinds of Kubernetes objects are, at each scrape. */
  observeWatches(read: () => readonly WatchState[]): void {
    this.#watches.push(read);
  }

  /** Shows a state source's condition at each scrape. */
  observeSource(source: StateSource): void {
    registerSourceGauges(this.registry, this.#prefix, source);
  }

  /** Shows at each scrape what readiness depends on, and whether that is so. */
  observeReadiness(read: () => readonly Check[]): void {
    registerReadinessGauge(this.registry, this.#prefix, read);
  }

  #name(name: string): string {
    return `${this.#prefix}_${name}`;
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[] = []) {
    return new Counter({ name: this.#name(name), help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ) {
    const registers = [this.registry];
    return new Histogram({ name: this.#name(name), help, labelNames, buckets, registers });
  }
}
