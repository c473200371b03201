import type { Logger } from 'pino';
import type { Metrics, Outcome, Phase } from '../observe/metrics.ts';
import { type Summary, summarize } from '../observe/summary.ts';
import { stampPolicies } from '../policy/stamp-policies.ts';
import { unstampSnapshot } from '../policy/unstamp-snapshot.ts';
import type { DecidedSplit } from '../rewrites/empty-backends/decided-split.ts';
import { type RewriteSettings, rewriteSnapshot, type State } from '../rewrites/pipeline.ts';
import type { Report } from '../rewrites/report.ts';
import { ToldAssignments } from '../state/told-assignments.ts';
import { FieldReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { countResources, encodeResponse, readSnapshot, type Snapshot } from '../xds/snapshot.ts';
import { concatenate, encodeField } from '../xds/wire.ts';

/**
 * apply: answer with the rewritten snapshot. shadow: report and count, answer with what would have
 * come without Offramp, policy stamps taken out.
 */
export type Mode = 'apply' | 'shadow';

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
export interface HookOptions {
  readonly mode: Mode;
  readonly settings: RewriteSettings;
  readonly currentState: () => State;
  /** Told of each snapshot, and of what was decided in its answer, before that leaves. */
  readonly sawSnapshot?: (snapshot: Snapshot, splits: readonly DecidedSplit[]) => void;
  readonly history?: CallHistory;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** The answer to one PostTranslateModify request, and what was done. */
export interface HookResult {
  readonly response: Uint8Array;
  readonly report: Report;
  readonly summary: Summary;
}

/** Decides one request: pure but for the clock. Throws MalformedMessageError for the envelope. */
export function answerSnapshot(
  request: Uint8Array,
  options: Pick<HookOptions, 'mode' | 'settings'>,
  state: State,
  timed: <T>(phase: Phase, work: () => T) => T = (_phase, work) => work(),
): HookResult & { readonly snapshot: Snapshot; readonly splits: readonly DecidedSplit[] } {
  const snapshot = timed('read', () => readSnapshot(request));
  const {
    snapshot: rewritten,
    report,
    splits,
  } = timed('rewrite', () => rewriteSnapshot(snapshot, state, options.settings));
  const response = timed('encode', () =>
    encodeResponse(options.mode === 'shadow' ? unstampSnapshot(snapshot) : rewritten),
  );
  return { response, report, summary: summarize(snapshot, report), snapshot, splits };
}

/** How many skipped things a log line names; the report and `explain` have them all. */
const maxNamedSkips = 5;

/** Answers PostTranslateModify calls, counts and logs them. */
export class Hook {
  readonly #options: HookOptions;
  readonly #told = new ToldAssignments();
  #warnedAboutRoutes = false;

  constructor(options: HookOptions) {
    this.#options = options;
  }

  /**
   * The answer to PostTranslateModify; `caller` is who asks, by its connection. Throws
   * MalformedMessageError when the envelope is malformed.
   */
  postTranslateModify(request: Uint8Array, caller: string): Uint8Array {
    const { metrics } = this.#options;
    const started = performance.now();
    let outcome: Outcome = 'error';
    try {
      const response = this.#answer(request, started, caller);
      this.#told.forget(caller); // not after an error: then the same call comes again
      outcome = 'ok';
      return response;
    } catch (error) {
      if (error instanceof MalformedMessageError) outcome = 'invalid';
      else metrics.hookPanics.inc();
      const call = { caller, seconds: secondsSince(started), bytes: request.length };
      this.#options.history?.failed(call, error);
      throw error;
    } finally {
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

  #answer(request: Uint8Array, started: number, caller: string): Uint8Array {
    const { metrics, log, mode, currentState } = this.#options;
    metrics.snapshotBytes.observe(request.length);
    const timed = <T>(phase: Phase, work: () => T): T => {
      const begun = performance.now();
      const result = work();
      metrics.phaseDuration.observe({ phase }, secondsSince(begun));
      return result;
    };
    const state = { ...currentState(), assignments: this.#told.saidBy(caller) };
    const result = answerSnapshot(request, this.#options, state, timed);
    metrics.countReport(result.report);
    this.#warnAboutMissingRoutes(result.snapshot);
    const decided = mode === 'shadow' ? [] : result.splits;
    this.#options.sawSnapshot?.(result.snapshot, decided);
    log.info(
      {
        ...result.summary,
        ...namedSkips(result.report),
        ...(mode === 'shadow' ? { mode } : {}),
        duration_ms: Math.round(secondsSince(started) * 1e6) / 1e3,
        snapshot_bytes: request.length,
      },
      'PostTranslateModify',
    );
    if (log.isLevelEnabled('debug')) log.debug({ changes: result.report.changes }, 'changes');
    const call = { caller, seconds: secondsSince(started), bytes: request.length };
    this.#options.history?.answered({ ...call, ...result });
    return result.response;
  }

  #warnAboutMissingRoutes(snapshot: Snapshot): void {
    if (this.#warnedAboutRoutes) return;
    if (countResources(snapshot, 'clusters') === 0) return;
    if (countResources(snapshot, 'routes') > 0) return;
    this.#warnedAboutRoutes = true;
    this.#options.log.warn(
      'a snapshot came with clusters but without routes, so nothing can be answered: set ' +
        'extensionManager.hooks.xdsTranslator.translation.route.includeAll to true in Envoy Gateway',
    );
  }
}

function namedSkips({ skips }: Report): { skips?: string[] } {
  if (skips.length === 0) return {};
  const named = skips.slice(0, maxNamedSkips).map(({ reason, place, detail }) => {
    const where = [place.resource, place.virtualHost, place.route].filter(Boolean).join(' > ');
    return `${reason}: ${where}: ${detail}`;
  });
  return { skips: named };
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
