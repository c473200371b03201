import type { Logger } from 'pino';
import { OfframpError } from '../errors.ts';
import { isInvariantReason } from '../invariants/violation.ts';
import type { Metrics, Outcome, Phase } from '../observe/metrics.ts';
import type { Summary } from '../observe/summary.ts';
import type { EndPhase, HookTrace, ReadHeader, Tracing } from '../observe/tracing.ts';
import { stampPolicies } from '../policy/stamp-policies.ts';
import { inTurns } from '../process/in-turns.ts';
import type { CallWatch } from '../retrigger/call-watch.ts';
import type { State } from '../rewrites/pipeline.ts';
import type { Report, Skip } from '../rewrites/report.ts';
import { ToldAssignments } from '../state/told-assignments.ts';
import { atOnce } from '../steps.ts';
import { concatenate, encodeField } from '../xds/encoding.ts';
import { FieldReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { EncodedMessage, Snapshot } from '../xds/snapshot.ts';
import { type AnswerOptions, answerInSteps, type HookResult } from './answer-snapshot.ts';
import { CallBudget } from './call-budget.ts';

/** One PostTranslateModify call. */
export interface HookCall {
  /** Who asked, by its connection. */
  readonly caller: string;
  readonly seconds: number;
  readonly bytes: number;
}

/** Is told of each PostTranslateModify call, before its answer leaves: so it should be quick. */
export interface CallHistory {
  answered(call: HookCall & HookResult & { readonly snapshot: Snapshot }): void;
  failed(call: HookCall, error: unknown): void;
}

/** What a hook needs: where the state is, what the operator decided, and where to tell. */
export interface HookOptions extends Pick<AnswerOptions, 'mode' | 'settings'> {
  /** Milliseconds that deciding may compute; without it, any time. */
  readonly callBudget?: number;
  readonly currentState: () => State;
  /** Told of each call before the state is read for it. */
  readonly watchCall?: () => CallWatch;
  readonly history?: CallHistory;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Absent unless the operator asked for traces. */
  readonly tracing?: Tracing | undefined;
}

/** Smaller snapshots are decided in one stretch, which takes less time than a probe has. */
const smallestInTurns = 512 * 1024;

/** How many skipped things a log line names; the report and `explain` have them all. */
const maxNamedSkips = 5;

/** One call, beside its bytes. */
interface Call {
  readonly started: number;
  readonly caller: string;
  readonly trace: HookTrace | undefined;
  readonly watch: CallWatch | undefined;
}

/** Answers PostTranslateModify calls, counts, logs and traces them. */
export class Hook {
  readonly #options: HookOptions;
  readonly #told = new ToldAssignments();
  #warnedAboutRoutes = false;

  constructor(options: HookOptions) {
    this.#options = options;
  }

  /**
   * The answer to PostTranslateModify; `caller` is who asks, by its connection, with headers that may
   * name a trace. Throws MalformedMessageError when the envelope is malformed.
   */
  async postTranslateModify(
    request: Uint8Array,
    caller: string,
    readHeader: ReadHeader = () => undefined,
  ): Promise<EncodedMessage> {
    const { metrics, tracing } = this.#options;
    const started = performance.now();
    const trace = tracing?.startCall(readHeader);
    const watch = this.#options.watchCall?.();
    let outcome: Outcome = 'error';
    let failure: unknown;
    try {
      const response = await this.#answer(request, { started, caller, trace, watch });
      this.#told.forget(caller); // not after an error: then the same call comes again
      outcome = 'ok';
      return response;
    } catch (error) {
      outcome = outcomeOf(error);
      if (outcome === 'error') metrics.hookPanics.inc();
      failure = error;
      const call = { caller, seconds: secondsSince(started), bytes: request.length };
      this.#options.history?.failed(call, error);
      throw error;
    } finally {
      watch?.end();
      trace?.end(outcome, failure);
      metrics.hookCalls.inc({ outcome });
      metrics.hookDuration.observe({ outcome }, secondsSince(started));
    }
  }

  /**
   * The answer to PostEndpointsModify: the assignment that came. With `emptyBackends.endpoints: hook`
   * what it says is kept for the snapshot that follows. Throws MalformedMessageError only when the
   * request itself is none.
   */
  postEndpointsModify(request: Uint8Array, caller: string): Uint8Array {
    if (this.#options.settings.emptyBackends.endpoints === 'hook') {
      this.#told.hear(caller, request);
    }
    return returnResource(request);
  }

  async #answer(request: Uint8Array, its: Call): Promise<EncodedMessage> {
    const { started, caller, trace, watch } = its;
    const { metrics, log, mode, currentState } = this.#options;
    metrics.snapshotBytes.observe(request.length);
    trace?.describe({ 'offramp.snapshot_bytes': request.length, 'offramp.mode': mode });
    const begin = (phase: Phase): EndPhase => {
      const begun = performance.now();
      const endSpan = trace?.startPhase(phase);
      return (failed) => {
        endSpan?.(failed);
        if (!failed) metrics.phaseDuration.observe({ phase }, secondsSince(begun));
      };
    };
    const endState = trace?.startPhase('state');
    const state = { ...currentState(), assignments: this.#told.saidBy(caller) };
    endState?.(false);
    const budget = new CallBudget(this.#options.callBudget ?? Number.POSITIVE_INFINITY);
    const steps = budget.count(answerInSteps(request, { ...this.#options, budget }, state, begin));
    const result = request.length < smallestInTurns ? atOnce(steps) : await inTurns(steps);
    metrics.countReport(result.report, result.summary);
    if (trace !== undefined) describeSummary(trace, result.summary);
    this.#warnAboutMissingRoutes(result.summary);
    this.#tellViolations(result.report);
    const decided = mode === 'shadow' ? [] : result.splits;
    watch?.answered(result.snapshot, decided);
    log.info(
      {
        ...result.summary,
        ...namedSkips(result.report),
        ...(mode === 'shadow' ? { mode } : {}),
        duration_ms: Math.round(secondsSince(started) * 1e6) / 1e3,
        snapshot_bytes: request.length,
        ...(trace === undefined ? {} : { trace_id: trace.traceId }),
      },
      'PostTranslateModify',
    );
    if (log.isLevelEnabled('debug')) log.debug({ changes: result.report.changes }, 'changes');
    const call = { caller, seconds: secondsSince(started), bytes: request.length };
    this.#options.history?.answered({ ...call, ...result });
    return result.response;
  }

  #tellViolations({ skips }: Report): void {
    const violations = skips.filter(({ reason }) => isInvariantReason(reason));
    if (violations.length === 0) return;
    this.#options.log.error(
      { violations: violations.slice(0, maxNamedSkips).map(nameSkip) },
      'a rewrite made something that Envoy would refuse, which was taken back: a bug of Offramp',
    );
  }

  #warnAboutMissingRoutes({ clusters, route_configs }: Summary): void {
    if (this.#warnedAboutRoutes || clusters === 0 || route_configs > 0) return;
    this.#warnedAboutRoutes = true;
    this.#options.log.warn(
      'a snapshot came with clusters but without routes, so nothing can be answered: set ' +
        'extensionManager.hooks.xdsTranslator.translation.route.includeAll to true in Envoy Gateway',
    );
  }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof MalformedMessageError) return 'invalid';
  const isOverdue = error instanceof OfframpError && error.code === 'budget-exceeded';
  return isOverdue ? 'timeout' : 'error';
}

/** The counts of the log line, under the same names. */
function describeSummary(trace: HookTrace, summary: Summary): void {
  const counts = Object.entries(summary).map(
    ([name, count]) => [`offramp.${name}`, count] as const,
  );
  trace.describe(Object.fromEntries(counts));
}

function namedSkips({ skips }: Report): { skips?: string[] } {
  if (skips.length === 0) return {};
  return { skips: skips.slice(0, maxNamedSkips).map(nameSkip) };
}

function nameSkip({ reason, place, detail }: Skip): string {
  const where = [place.resource, place.virtualHost, place.route].filter(Boolean).join(' > ');
  return `${reason}: ${where}: ${detail}`;
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

/**
 * The answer to PostRouteModify: the route with what its policies decide written into its metadata.
 * Whatever goes wrong, the route leaves as it came and `failed` is told why: an error here would end
 * the whole translation. Throws MalformedMessageError only when the request itself is none.
 */
export function stampRouteOfRequest(
  request: Uint8Array,
  failed: (error: unknown) => void = () => undefined,
): Uint8Array {
  try {
    const stamped = stampPolicies(request);
    if (stamped !== undefined) return encodeField(fields.PostRouteModifyRequest.route, stamped);
  } catch (error) {
    failed(error);
  }
  return returnResource(request);
}

/** The number that the one resource of a single-resource hook has in request and response. */
const resourceNumber = 1;

/**
 * The answer of the hooks that Offramp does not act on: the resource that came, as it came.
 * Throws MalformedMessageError.
 */
export function returnResource(request: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const reader = new FieldReader(request);
  while (reader.next()) if (reader.number === resourceNumber) parts.push(reader.raw());
  return concatenate(parts);
}
