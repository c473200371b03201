import type { Logger } from 'pino';
import type { Check } from '../../observe/check.ts';
import type { KindCondition } from './kind-condition.ts';
import type { ObjectFeed } from './object-feed.ts';
import { WatchedKind } from './watched-kind.ts';

/** A kind to follow, and what its absence means. */
export interface InformerOptions<T> {
  readonly feed: ObjectFeed;
  readonly read: (object: unknown) => T;
  readonly changed: (namespace: string, name: string, kept: T | undefined) => void;
  /** What does not work when RBAC forbids it, for the log. */
  readonly withoutIt: string;
  /** Not worth a word when the cluster does not have it. */
  readonly isOptional?: boolean;
  /** Told when it becomes forbidden, and when it no longer is. */
  readonly allowed?: (allowed: boolean) => void;
}

/** What a kind is watched for, in one word. */
export interface WatchState {
  readonly kind: string;
  readonly state: KindCondition['state'];
}

interface Informer {
  readonly feed: ObjectFeed;
  readonly kind: Pick<WatchedKind<unknown>, 'condition' | 'size' | 'run' | 'hurry' | 'stop'>;
}

/** Follows several kinds, logs what happens to them, and sums up how well they are known. */
export class Informers {
  readonly #log: Logger;
  readonly #informers: Informer[] = [];
  readonly #settled: Promise<void>;
  #settle: () => void = () => undefined;

  constructor(log: Logger) {
    this.#log = log;
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Before `start`. */
  add<T>(options: InformerOptions<T>): void {
    const { feed, read, changed } = options;
    const conditionChanged = (before: KindCondition, now: KindCondition) => {
      this.#tell(options, before, now);
      const wasForbidden = before.state === 'forbidden';
      const isForbidden = now.state === 'forbidden';
      if (wasForbidden !== isForbidden) options.allowed?.(!isForbidden);
      if (before.state === 'stale' && now.state === 'watching') this.#hurryOthers();
      if (this.isSettled) this.#settle();
    };
    this.#informers.push({
      feed,
      kind: new WatchedKind({ feed, read, changed, conditionChanged }),
    });
  }

  start(): void {
    for (const { kind } of this.#informers) void kind.run();
  }

  stop(): void {
    for (const { kind } of this.#informers) kind.stop();
  }

  /** Whether of every kind it is known which objects there are, or that there is no saying. */
  get isSettled(): boolean {
    return this.#informers.every(({ kind }) => kind.condition.state !== 'waiting');
  }

  whenSettled(): Promise<void> {
    return this.#settled;
  }

  /** Milliseconds of performance.now() since when not all is current; undefined while it is. */
  get staleSince(): number | undefined {
    const since = this.#informers.flatMap(({ kind: { condition } }) =>
      condition.state === 'stale' ? [condition.since] : [],
    );
    return since.length === 0 ? undefined : Math.min(...since);
  }

  /** Kinds in this condition, each with its reason if it has one. */
  inState(state: KindCondition['state']): string[] {
    return this.#informers.flatMap(({ feed, kind: { condition } }) => {
      if (condition.state !== state) return [];
      const reason = 'reason' in condition ? condition.reason : undefined;
      return [reason === undefined ? feed.title : `${feed.title}: ${reason}`];
    });
  }

  /** The condition of each, by the name of its kind. */
  states(): WatchState[] {
    return this.#informers.map(({ feed, kind }) => ({
      kind: feed.kind,
      state: kind.condition.state,
    }));
  }

  checks(): Check[] {
    return this.#informers.map(({ feed, kind }) => {
      const { condition, size } = kind;
      const ok = condition.state === 'watching' || condition.state === 'absent';
      return { name: feed.title, ok, detail: describe(condition, size, feed) };
    });
  }

  #hurryOthers(): void {
    for (const { kind } of this.#informers) {
      if (kind.condition.state === 'stale') kind.hurry();
    }
  }

  #tell<T>(
    { feed, withoutIt, isOptional }: InformerOptions<T>,
    before: KindCondition,
    now: KindCondition,
  ) {
    const reason = 'reason' in now ? now.reason : undefined;
    const saidBefore = 'reason' in before ? before.reason : undefined;
    const isNews = before.state !== now.state || (now.state === 'waiting' && reason !== saidBefore);
    if (!isNews) return;
    const fields = { kind: feed.title, ...(reason === undefined ? {} : { reason }) };
    switch (now.state) {
      case 'watching':
        if (before.state === 'stale') this.#log.info(fields, 'watched again');
        else if (before.state !== 'waiting') this.#log.info(fields, 'can be watched now');
        break;
      case 'waiting':
        this.#log.warn(fields, 'cannot be read yet; trying again');
        break;
      case 'stale':
        this.#log.warn(fields, 'the watch broke; the last known state stays in use');
        break;
      case 'absent':
        this.#log[isOptional === true ? 'debug' : 'warn'](
          fields,
          'not installed: counts as empty, and is picked up when it appears',
        );
        break;
      case 'forbidden':
        this.#log.error({ ...fields, permission: feed.permission }, `not allowed: ${withoutIt}`);
        break;
      default:
        now satisfies never;
    }
  }
}

function describe(condition: KindCondition, size: number, feed: ObjectFeed): string {
  switch (condition.state) {
    case 'watching':
      return `${size} objects, watched`;
    case 'waiting':
      return `not read yet${condition.reason === undefined ? '' : `: ${condition.reason}`}`;
    case 'stale':
      return `${size} objects as of ${secondsSince(condition.since)} s ago: ${condition.reason}`;
    case 'absent':
      return 'not installed: counts as empty';
    case 'forbidden':
      return `not allowed to ${feed.permission}: ${condition.reason}`;
    default:
      return condition satisfies never;
  }
}

function secondsSince(milliseconds: number): number {
  return Math.round((performance.now() - milliseconds) / 1000);
}
