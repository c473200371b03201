import { isDeepStrictEqual } from 'node:util';
import protobuf from 'protobufjs';
import { milliseconds } from '../src/config/durations.ts';
import { configSchema } from '../src/config/schema.ts';
import { findRouteViolations } from '../src/invariants/route-configuration.ts';
import { isInvariantReason } from '../src/invariants/violation.ts';
import { pipeline, rewriteSnapshot } from '../src/rewrites/pipeline.ts';
import { type Change, type Report, unresolvedReasons } from '../src/rewrites/report.ts';
import { MalformedMessageError } from '../src/xds/malformed.ts';
import { resourceTypes } from '../src/xds/resource-types.ts';
import { encodeResponse, type ResourceKind, readSnapshot } from '../src/xds/snapshot.ts';
import { computedUntilNow } from './computed.ts';
import type { Case } from './make-case.ts';
import { splitMessage } from './message-fields.ts';

/** What came of a case. */
export interface Verdict {
  /** What is wrong; undefined when all is well. */
  readonly problem?: string;
  /** refused: the envelope is no message. kept: nothing changed. rewritten: something did. */
  readonly outcome: 'refused' | 'kept' | 'rewritten';
  /** Changed resources that decoders took before and after. */
  readonly decoded: number;
  /** Milliseconds that the rewrites took, both times. */
  readonly ms: number;
  readonly response?: Uint8Array;
}

interface Resource {
  readonly kind: ResourceKind;
  readonly value: Uint8Array;
}

type Judgement = Omit<Verdict, 'ms' | 'response'>;

/** Milliseconds that one rewriting may compute: what a hook call may take, unless it is told otherwise. */
const callBudget = milliseconds(configSchema.parse({}).grpc.limits.callBudget);

/**
 * Rewrites a case's snapshot and judges the answer, by the official protos and not by Offramp's own
 * reader. It is a problem, too, if either rewriting computes for longer than the budget.
 */
export function judge(
  root: protobuf.Root,
  { request, state, settings }: Case,
  rewrites = pipeline,
  budget = callBudget,
): Verdict {
  const received = Buffer.from(request);
  const began = performance.now();
  const rewrite = (bytes: Uint8Array) => {
    const before = computedUntilNow();
    const { snapshot, report } = rewriteSnapshot(readSnapshot(bytes), state, settings, rewrites);
    const response = encodeResponse(snapshot);
    return { response, report, computed: computedUntilNow() - before };
  };
  try {
    const { response, report, computed } = rewrite(request);
    const again = mayGoOn(report) ? undefined : rewrite(asRequest(response));
    const ms = performance.now() - began;
    const judgement = judgeAnswer(root, received, response, report);
    const problem =
      judgement.problem ??
      problemInPlace(request, received) ??
      problemOfTime(Math.max(computed, again?.computed ?? 0), budget) ??
      (again && problemOfSecondPass({ response, report }, again));
    return { ...judgement, ms, response, ...(problem === undefined ? {} : { problem }) };
  } catch (error) {
    const refused = { outcome: 'refused', decoded: 0, ms: performance.now() - began } as const;
    return isRefusal(error) ? refused : { ...refused, problem: `crash: ${textOf(error)}` };
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof MalformedMessageError && error.path.startsWith('PostTranslateModifyRequest')
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function problemInPlace(request: Uint8Array, received: Uint8Array): string | undefined {
  return Buffer.compare(request, received) === 0 ? undefined : 'the request’s own bytes changed';
}

function problemOfTime(computed: number, budget: number): string | undefined {
  return computed <= budget ? undefined : `slow: it computed for more than ${budget / 1_000} s`;
}

function judgeAnswer(
  root: protobuf.Root,
  request: Uint8Array,
  response: Uint8Array,
  report: Report,
): Judgement {
  const before = resourcesOf(request, 2);
  const after = resourcesOf(response, 1);
  if (before === undefined)
    return { outcome: 'kept', decoded: 0, problem: 'read what is no message' };
  if (after === undefined)
    return { outcome: 'kept', decoded: 0, problem: 'the answer is no message' };
  const told = new Set(report.changes.map(({ place }) => place.kind));
  const problems = [problemInReport(report, before)];
  if (after.length < before.length) problems.push('a resource is lost');
  let decoded = 0;
  const changed = after.flatMap((now, at) => {
    const was = before[at];
    return was !== undefined && isEqual(was, now) ? [] : [{ was, now }];
  });
  for (const { was, now } of changed) {
    if (!told.has(now.kind)) problems.push(`${now.kind} changed, which nothing tells`);
    const error = problemOfChange(root, { was, now, before });
    if (error === undefined) decoded++;
    else if (error !== undecidable) problems.push(error);
  }
  const outcome = changed.length > 0 ? 'rewritten' : 'kept';
  const problem = problems.find((one) => one !== undefined);
  return { outcome, decoded, ...(problem === undefined ? {} : { problem }) };
}

const undecidable = 'undecidable';

interface ChangedResource {
  readonly was: Resource | undefined;
  readonly now: Resource;
  readonly before: readonly Resource[];
}

/** `undecidable` where decoders did not take all that came, of which parts go into other resources. */
function problemOfChange(
  root: protobuf.Root,
  { was, now, before }: ChangedResource,
): string | undefined {
  if (was !== undefined && was.kind !== now.kind) return `${was.kind} became ${now.kind}`;
  const error = decodingError(root, now);
  if (error === undefined) return undefined;
  if (before.some((one) => decodingError(root, one) !== undefined)) return undecidable;
  return `${now.kind} that cannot be decoded any more: ${error}`;
}

/**
 * No rewrite makes what Envoy would refuse: not even for it to be taken back. But it may copy a route that Envoy
 * refuses where it is.
 */
function problemInReport({ skips }: Report, before: readonly Resource[]): string | undefined {
  const violations = skips.filter(({ reason }) => isInvariantReason(reason));
  if (violations.length === 0) return undefined;
  const came = before.flatMap(violatedReasons);
  const violation = violations.find(({ reason }) => !came.some((one) => one === reason));
  return violation && `violated: ${JSON.stringify(violation)}`;
}

/** What is wrong with a route configuration as it came, clusters aside. */
function violatedReasons({ kind, value }: Resource): readonly string[] {
  if (kind !== 'routes') return [];
  try {
    return findRouteViolations(new Uint8Array(), value, () => false).map(({ reason }) => reason);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return [];
  }
}

/** What one pass could not decide, and another may when the first has changed the rest. */
const undecided: ReadonlySet<string> = new Set([
  ...unresolvedReasons,
  'shared-cluster',
  'malformed-resource', // one rewrite may take out what another could not read
]);

function mayGoOn({ skips }: Report): boolean {
  return skips.some(({ reason }) => undecided.has(reason));
}

interface Pass {
  readonly response: Uint8Array;
  readonly report: Report;
}

function problemOfSecondPass(first: Pass, again: Pass): string | undefined {
  const [change] = again.report.changes;
  if (
    change?.effect === 'empty-dropped' &&
    first.report.changes.some((one) => opens(one, change))
  ) {
    return undefined;
  }
  if (change !== undefined) return `the second pass does something: ${JSON.stringify(change)}`;
  const same = Buffer.compare(again.response, first.response) === 0;
  return same ? undefined : 'the second pass changes bytes';
}

/** Whether a change of the first pass gives the second an empty backendRef that the first had not. */
function opens({ effect, place }: Change, second: Change): boolean {
  // With its tunnel a backendRef takes requests that had no endpoint before, so another may leave now.
  if (effect === 'cluster-replaced') return true;
  // Without its entry the backendRef of an offline connector looks like one that Envoy Gateway left out.
  return effect === 'entries-dropped' && isDeepStrictEqual(place, second.place);
}

/** The lists of a request begin at 2, those of a response at 1; both in this order. */
const kinds: readonly ResourceKind[] = ['clusters', 'secrets', 'listeners', 'routes'];

function resourcesOf(message: Uint8Array, first: number): readonly Resource[] | undefined {
  return splitMessage(message)?.flatMap(({ number, value }) => {
    const kind = kinds[number - first];
    return kind === undefined ? [] : [{ kind, value }];
  });
}

/** The request that Envoy Gateway would send if it had published this. */
export function asRequest(response: Uint8Array): Uint8Array {
  const request = Buffer.from(response);
  let at = 0;
  for (const { raw } of splitMessage(response) ?? []) {
    request[at] = (request[at] ?? 0) + 8;
    at += raw.length;
  }
  return request;
}

function isEqual(one: Resource, other: Resource): boolean {
  return one.kind === other.kind && Buffer.compare(one.value, other.value) === 0;
}

/** Why the official protos do not take a resource, every Any in it opened; undefined when they do. */
export function decodingError(root: protobuf.Root, { kind, value }: Resource): string | undefined {
  try {
    openAll(root, typeOf(root, resourceTypes[kind])?.decode(value));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function openAll(root: protobuf.Root, value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (isAny(value)) {
    const name = value.type_url.split('/').at(-1) ?? '';
    openAll(root, typeOf(root, name)?.decode(value.value));
    return;
  }
  for (const inner of Object.values(value)) openAll(root, inner);
}

const types = new Map<string, protobuf.Type | undefined>();

/** Remembered: a root looks for a name in all of its files. */
function typeOf(root: protobuf.Root, name: string): protobuf.Type | undefined {
  if (!types.has(name)) {
    const found = name === '' ? null : root.lookup(name, protobuf.Type);
    types.set(name, found instanceof protobuf.Type ? found : undefined);
  }
  return types.get(name);
}

function isAny(value: object): value is { readonly type_url: string; readonly value: Uint8Array } {
  return (
    'type_url' in value &&
    typeof value.type_url === 'string' &&
    'value' in value &&
    value.value instanceof Uint8Array
  );
}
