import { reasonOf } from '../errors.ts';
import type { CallHistory, HookCall } from '../server/hook.ts';
import { gatewaysOf } from '../xds/gateways.ts';
import {
  countLines,
  type Kept,
  type KeptSnapshot,
  keepAnswered,
  keepFailed,
  withoutLines,
} from './kept-snapshot.ts';

/** How much is kept. */
export interface SnapshotLimits {
  /** The last snapshots, whichever Gateway they are of. */
  readonly recent: number;
  /** Gateways whose last snapshot is kept; of more, those that were translated last. */
  readonly gateways: number;
  /** Lines of reports, of all snapshots together: the oldest reports go first. */
  readonly lines: number;
}

/** What a process keeps: some megabytes at most. */
export const snapshotLimits: SnapshotLimits = { recent: 20, gateways: 1_000, lines: 20_000 };

/** Milliseconds in which most answers have left: work that is done sooner would hold them up. */
const delay = 100;

/** A Gateway by its key, `<namespace>/<name>`, and its last snapshot. */
export interface GatewaySnapshot {
  readonly gateway: string;
  readonly snapshot: KeptSnapshot;
}

/** Remembers what was done to the last snapshots: names and reasons, nothing of what they hold. */
export class SnapshotLog implements CallHistory {
  readonly #limits: SnapshotLimits;
  readonly #told: (problem: string) => void;
  readonly #snapshots = new Map<number, KeptSnapshot>();
  readonly #byGateway = new Map<string, number>();
  #recent: readonly number[] = [];
  readonly #pending: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #calls = 0;
  #hasForgottenGateways = false;

  /** `told` gets to know when something could not be kept, which the answer does not depend on. */
  constructor(told: (problem: string) => void, limits = snapshotLimits) {
    this.#told = told;
    this.#limits = limits;
  }

  answered(call: Parameters<CallHistory['answered']>[0]): void {
    const { caller, seconds, bytes, snapshot, report, summary } = call;
    const kept = this.#next({ caller, seconds, bytes });
    // To find the Gateways means to walk over the snapshot: the caller need not wait for it.
    this.#pending.push(() => {
      const found = gatewaysOf(snapshot, this.#limits.gateways + 1);
      const gateways = found.map(({ namespace, name }) => `${namespace}/${name}`);
      this.#keep(keepAnswered(kept, { report, summary }, gateways), gateways);
    });
    this.#timer ??= setTimeout(() => this.#keepNext(), delay).unref();
  }

  failed(call: HookCall, error: unknown): void {
    this.#keep(keepFailed(this.#next(call), error), []);
  }

  /** How many calls there were since the start. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether more Gateways were seen than are kept. */
  get hasForgottenGateways(): boolean {
    this.#keepPending();
    return this.#hasForgottenGateways;
  }

  /** The last snapshots, the newest first. */
  recent(): readonly KeptSnapshot[] {
    this.#keepPending();
    return this.#recent.flatMap((id) => this.#snapshots.get(id) ?? []);
  }

  /** The last snapshot of each Gateway, by name. */
  gateways(): readonly GatewaySnapshot[] {
    this.#keepPending();
    return [...this.#byGateway]
      .flatMap(([gateway, id]) => {
        const snapshot = this.#snapshots.get(id);
        return snapshot === undefined ? [] : [{ gateway, snapshot }];
      })
      .sort((a, b) => (a.gateway < b.gateway ? -1 : 1));
  }

  /** One that is still kept. */
  find(id: number): KeptSnapshot | undefined {
    this.#keepPending();
    return this.#snapshots.get(id);
  }

  /** One in each turn of the event loop: many Gateways are translated one after the other. */
  #keepNext(): void {
    this.#keepOldest();
    const isDone = this.#pending.length === 0;
    this.#timer = isDone ? undefined : setTimeout(() => this.#keepNext(), 0).unref();
  }

  /** Before anything is read: whoever asks sees the last call. */
  #keepPending(): void {
    while (this.#pending.length > 0) this.#keepOldest();
  }

  #keepOldest(): void {
    try {
      this.#pending.shift()?.();
    } catch (error) {
      this.#told(reasonOf(error));
    }
  }

  #next(call: HookCall): Kept {
    this.#calls++;
    return { id: this.#calls, at: Date.now(), call };
  }

  #keep(snapshot: KeptSnapshot, gateways: readonly string[]): void {
    this.#snapshots.set(snapshot.id, snapshot);
    const newestFirst = [...this.#recent, snapshot.id].sort((a, b) => b - a);
    this.#recent = newestFirst.slice(0, this.#limits.recent);
    for (const gateway of gateways) {
      this.#byGateway.delete(gateway); // so that it becomes the youngest
      this.#byGateway.set(gateway, snapshot.id);
    }
    this.#forgetOldest();
    this.#dropWhatIsNotShown();
    this.#dropLines();
  }

  #forgetOldest(): void {
    for (const gateway of this.#byGateway.keys()) {
      if (this.#byGateway.size <= this.#limits.gateways) return;
      this.#byGateway.delete(gateway);
      this.#hasForgottenGateways = true;
    }
  }

  #dropWhatIsNotShown(): void {
    const shown = new Set([...this.#recent, ...this.#byGateway.values()]);
    for (const id of this.#snapshots.keys()) if (!shown.has(id)) this.#snapshots.delete(id);
  }

  #dropLines(): void {
    let lines = 0;
    const newestFirst = [...this.#snapshots.values()].sort((a, b) => b.id - a.id);
    for (const snapshot of newestFirst) {
      lines += countLines(snapshot);
      if (lines > this.#limits.lines) this.#snapshots.set(snapshot.id, withoutLines(snapshot));
    }
  }
}
