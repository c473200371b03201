import type { FileProblem } from '../config/yaml-file.ts';
import type { State } from '../rewrites/pipeline.ts';

/** How well a source knows what it is asked. */
export interface SourceStatus {
  /** `file`, later also `kubernetes`. */
  readonly name: string;
  /** Whether the state was read once; until then no hook call may be answered from it. */
  readonly synced: boolean;
  /** What is known, in a few words, for /readyz?verbose. */
  readonly detail: string;
  /** What keeps the source from reading anew; the last good state stays in use meanwhile. */
  readonly problems: readonly FileProblem[];
  /** Seconds since the state in use was last known to be current; 0 while nothing is wrong. */
  readonly ageSeconds: number;
}

/** Where the state comes from. `state` is replaced as a whole, so a hook call sees one moment. */
export interface StateSource {
  readonly state: State;
  status(): SourceStatus;
  stop(): void;
}
