import type { DecidedSplit } from '../rewrites/empty-backends/decided-split.ts';
import type { Snapshot } from '../xds/snapshot.ts';

/** Follows one PostTranslateModify call, because the state may change while it is decided. */
export interface CallWatch {
  /** Told of the snapshot, and of what was decided in its answer, before that leaves. */
  answered(snapshot: Snapshot, splits: readonly DecidedSplit[]): void;
  /** The call is over, answered or not. */
  end(): void;
}
