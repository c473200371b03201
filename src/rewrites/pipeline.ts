import { areInvariantsKept, keepInvariants } from '../invariants/keep-invariants.ts';
import { noteRewritten } from '../policy/find-stamps.ts';
import type { EmptyBackendsMode } from '../policy/offramp-policy.ts';
import type { AssignmentLookup } from '../state/assignments.ts';
import type { BackendRefLookup } from '../state/backend-refs.ts';
import type { ConnectorLookup } from '../state/connectors.ts';
import { atOnce, type Steps } from '../steps.ts';
import type { Snapshot } from '../xds/snapshot.ts';
import type { ControlPlaneFallbackSettings } from './control-plane-fallback/settings.ts';
import { rewriteControlPlaneFallback } from './control-plane-fallback.ts';
import type { DecidedSplit } from './empty-backends/decided-split.ts';
import { rewriteEmptyBackends } from './empty-backends.ts';
import type { ConnectorSettings } from './offline-connectors/settings.ts';
import { rewriteOfflineConnectors } from './offline-connectors.ts';
import { mergeReports, type Report } from './report.ts';

/**
 * What the rewrites know about the world. With a state file an immutable value, replaced when the world
 * changes; with Kubernetes a view that follows it, so after a pause (`Steps`) it may say something else.
 */
export interface State {
  readonly connectors: ConnectorLookup;
  readonly backendRefs: BackendRefLookup;
  /** What was said of this snapshot's endpoints before it came; absent when nothing was. */
  readonly assignments?: AssignmentLookup;
}

/** Who says whether a backendRef with a cluster of its own has endpoints that take requests. */
export const endpointSources = ['slices', 'hook'] as const;

/** One of `endpointSources`: the state's backendRefs, or Envoy Gateway's PostEndpointsModify calls. */
export type EndpointSource = (typeof endpointSources)[number];

/** Whether empty backendRefs leave their split, or keep their share as the Gateway API has it. */
export interface EmptyBackendsSettings {
  readonly mode: EmptyBackendsMode;
  readonly endpoints: EndpointSource;
}

/** What the operator decided, for every rewrite. */
export interface RewriteSettings {
  readonly connectors: ConnectorSettings;
  readonly emptyBackends: EmptyBackendsSettings;
  readonly controlPlaneFallback: ControlPlaneFallbackSettings;
  /** Tell of every weighted route, also of those that a policy keeps; `explain` asks for it. */
  readonly everySplit?: boolean;
}

/** A snapshot as it leaves, and what was done to it. */
export interface Rewritten {
  readonly snapshot: Snapshot;
  readonly report: Report;
  /** What was decided about weighted routes; the state of backendRefs may become another one. */
  readonly splits?: readonly DecidedSplit[];
}

/** A pure function over a snapshot. Malformed resources are its report's business, not an error. */
export type Rewrite = (snapshot: Snapshot, state: State, settings: RewriteSettings) => Rewritten;

/** A rewrite that takes long enough to pause in between. */
export type SteppedRewrite = (...args: Parameters<Rewrite>) => Steps<Rewritten>;

/** A rewrite, and what reports call it. */
export type NamedRewrite = { readonly name: string } & (
  | { readonly rewrite: Rewrite }
  | { readonly steps: SteppedRewrite }
);

/**
 * The rewrites in the order they run, each on what the one before it left. Empty backendRefs go
 * first: a split of which only offline connectors are left is then answered as offline. The fallback
 * goes last: it clones routes, and an answered one forwards to no VM any more.
 */
export const pipeline: readonly NamedRewrite[] = [
  { name: 'empty-backends', steps: rewriteEmptyBackends },
  { name: 'offline-connectors', steps: rewriteOfflineConnectors },
  { name: 'control-plane-fallback', rewrite: rewriteControlPlaneFallback },
];

/** Runs the pipeline over a snapshot. What Envoy would not take of a rewrite is taken back. */
export function rewriteSnapshot(...args: Parameters<typeof rewriteInSteps>): Required<Rewritten> {
  return atOnce(rewriteInSteps(...args));
}

/**
 * The same, with pauses between the rewrites and inside of those that take long. When Envoy would not
 * take what comes of it, runs it again and takes back what of each rewrite is to blame: one look at the
 * end is half of the work of one after each.
 */
export function* rewriteInSteps(
  snapshot: Snapshot,
  state: State,
  settings: RewriteSettings,
  rewrites: readonly NamedRewrite[] = pipeline,
): Steps<Required<Rewritten>> {
  const run = (before: Snapshot, one: NamedRewrite) => runInSteps(one, before, state, settings);
  const rewritten = yield* runEach(rewrites, snapshot, run);
  if (yield* areInvariantsKept(snapshot, rewritten.snapshot)) return rewritten;
  yield;
  return yield* runEach(rewrites, snapshot, function* (before, one) {
    const made = yield* run(before, one);
    return keepInvariants(one.name, before, made);
  });
}

function* runInSteps(rewrite: NamedRewrite, ...args: Parameters<Rewrite>): Steps<Rewritten> {
  return 'steps' in rewrite ? yield* rewrite.steps(...args) : rewrite.rewrite(...args);
}

function* runEach(
  rewrites: readonly NamedRewrite[],
  snapshot: Snapshot,
  run: (before: Snapshot, rewrite: NamedRewrite) => Steps<Rewritten>,
): Steps<Required<Rewritten>> {
  let current = snapshot;
  const reports: Report[] = [];
  const splits: DecidedSplit[] = [];
  for (const rewrite of rewrites) {
    const result = yield* run(current, rewrite);
    yield;
    noteRewritten(current, result.snapshot);
    current = result.snapshot;
    reports.push(result.report);
    for (const split of result.splits ?? []) splits.push(split);
  }
  return { snapshot: current, report: mergeReports(reports), splits };
}
