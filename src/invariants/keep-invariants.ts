import type { DecidedSplit } from '../rewrites/empty-backends/decided-split.ts';
import type { Place, Report, Skip } from '../rewrites/report.ts';
import { atOnce, type Steps } from '../steps.ts';
import type { Resources } from '../xds/resources.ts';
import type { Snapshot } from '../xds/snapshot.ts';
import { type ChangedResource, findChanged, type LostResource } from './changed-resources.ts';
import { type FoundViolation, findViolations } from './find-violations.ts';
import { withLinked } from './linked-resources.ts';

/** What a rewrite made of a snapshot, as `Rewritten` has it. */
interface Outcome {
  readonly snapshot: Snapshot;
  readonly report: Report;
  readonly splits?: readonly DecidedSplit[];
}

/** Whether Envoy takes all that differs between a snapshot and what became of it. */
export function* areInvariantsKept(before: Snapshot, after: Snapshot): Steps<boolean> {
  const { changed, lost } = findChanged(before, after);
  if (lost !== undefined) return false;
  const violations = yield* findViolations(changed, before, after);
  return violations.length === 0;
}

/**
 * Takes back what a rewrite did to resources that Envoy would not take as they are now, and to those
 * that hang together with them; the rest of what it did stays. The same outcome when all is well.
 */
export function keepInvariants<Made extends Outcome>(
  rewrite: string,
  before: Snapshot,
  outcome: Made,
): Made | Outcome {
  const { changed, lost } = findChanged(before, outcome.snapshot);
  if (lost !== undefined) return takeBackAll(rewrite, before, outcome, lost);
  if (changed.length === 0) return outcome;
  const violations = atOnce(findViolations(changed, before, outcome.snapshot));
  if (violations.length === 0) return outcome;
  const violating = new Set(violations.map(({ resource }) => resource));
  const restored = withLinked(changed, violating);
  const others = [...restored].filter((resource) => !violating.has(resource));
  const skips = violations.map((violation) => skipOf(rewrite, violation, others));
  return {
    snapshot: {
      ...outcome.snapshot,
      resources: withoutRestoredResources(before, changed, restored),
    },
    report: withoutRestored(outcome.report, restored, skips),
    splits: (outcome.splits ?? []).filter(({ place }) => !isAt(place, restored)),
  };
}

function takeBackAll(
  rewrite: string,
  before: Snapshot,
  { report }: Outcome,
  { kind, name }: LostResource,
): Outcome {
  const detail = 'the rewrite left it out, or moved it: all that it did is taken back';
  const place: Place = { kind, resource: name };
  const skip: Skip = { rewrite, reason: 'invariant-resource-lost', place, detail };
  return {
    snapshot: before,
    report: { ...report, changes: [], skips: [...report.skips, skip] },
    splits: [],
  };
}

/** How many resources that fell back with another one its reason names. */
const maxNamed = 3;

function skipOf(
  rewrite: string,
  { reason, detail, resource: { kind, name }, ...inside }: FoundViolation,
  others: readonly ChangedResource[],
): Skip {
  const named = others.slice(0, maxNamed).map((one) => `${one.kind} ${one.name}`);
  const more = others.length > maxNamed ? [`${others.length - maxNamed} more`] : [];
  const also = others.length === 0 ? '' : `, with ${[...named, ...more].join(', ')}`;
  const { virtualHost, route } = inside;
  const place: Place = {
    kind,
    resource: name,
    ...(virtualHost === undefined ? {} : { virtualHost }),
    ...(route === undefined ? {} : { route }),
  };
  return { rewrite, reason, place, detail: `${detail}: it stays as it was${also}` };
}

/** The resources as they came, with what else was changed. */
function withoutRestoredResources(
  { resources }: Snapshot,
  changed: readonly ChangedResource[],
  restored: ReadonlySet<ChangedResource>,
): Resources {
  const kept = changed.filter((one) => !restored.has(one));
  return resources.withAll(kept.map(({ kind, index, after }) => ({ kind, index, value: after })));
}

/** What was taken back did not happen, so neither log nor counters may tell of it. */
function withoutRestored(
  report: Report,
  restored: ReadonlySet<ChangedResource>,
  skips: readonly Skip[],
): Report {
  return {
    ...report,
    changes: report.changes.filter(({ place }) => !isAt(place, restored)),
    skips: [...report.skips, ...skips],
  };
}

function isAt({ kind, resource }: Place, restored: ReadonlySet<ChangedResource>): boolean {
  return [...restored].some((one) => one.kind === kind && one.name === resource);
}
