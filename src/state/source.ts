import type { Check } from '../observe/check.ts';
import type { State } from '../rewrites/pipeline.ts';
import type { ConnectorCondition } from './connector-condition.ts';

/** How well a source knows what it is asked. */
export interface SourceStatus {
  readonly name: 'file' | 'kubernetes';
  /** Whether the state was read once; until then no hook call may be answered from it. */
  readonly synced: boolean;
  /** What is known, or waited for, in a few words. */
  readonly detail: string;
  /** What keeps the source from reading anew; the last good state stays in use meanwhile. */
  readonly problems: readonly string[];
  /** Seconds since the state in use was last known to be current; 0 while nothing is wrong. */
  readonly ageSeconds: number;
  /** What else is worth knowing, for /readyz?verbose. */
  readonly checks: readonly Check[];
  /** How many objects cannot be used as they are. */
  readonly unusableObjects: number;
}

/** Where the state comes from. `state` shows one moment for as long as nothing is awaited, and may change in place. */
export interface StateSource {
  readonly state: State;
  status(): SourceStatus;
  /** Every connector that is known, by name. */
  connectorConditions(): readonly ConnectorCondition[];
  /** Resolves when the state was read once. */
  whenSynced(): Promise<void>;
  stop(): void;
}
