import type { UnreadableResource } from '../xds/snapshot.ts';
import type { DecidedSplit } from './empty-backends/decided-split.ts';
import type { Change, Effect, Place, Report, Skip, SkipReason } from './report.ts';

/** A resource, or a policy of the hook's context, that cannot be read. */
type Unreadable = Omit<UnreadableResource, 'kind'> & Pick<Place, 'kind'>;

/** Collects what one rewrite does to one snapshot. */
export class ReportBuilder {
  readonly #rewrite: string;
  readonly #changes: Change[] = [];
  readonly #skips: Skip[] = [];
  readonly #splits: DecidedSplit[] = [];

  constructor(rewrite: string) {
    this.#rewrite = rewrite;
  }

  changed(effect: Effect, place: Place, connectors: readonly string[], detail: string): void {
    this.#changes.push({ rewrite: this.#rewrite, effect, place, connectors, detail });
  }

  skipped(reason: SkipReason, place: Place, detail: string): void {
    this.#skips.push({ rewrite: this.#rewrite, reason, place, detail });
  }

  /** Splits that were decided on, and by what; not part of the report. */
  get splits(): readonly DecidedSplit[] {
    return this.#splits;
  }

  decided(split: DecidedSplit): void {
    this.#splits.push(split);
  }

  /** Reports a resource that stays as it came because it cannot be read. */
  readonly unreadable = ({ kind, index, error }: Unreadable): void => {
    const reason = error.kind === 'ambiguous' ? 'ambiguous-encoding' : 'malformed-resource';
    this.skipped(reason, { kind, resource: `${kind}[${index}]` }, error.message);
  };

  /** Runs `work`; when it throws, what it reported is forgotten, because nothing of it happened. */
  allOrNothing<T>(work: () => T): T;
  allOrNothing<Context, T>(work: (context: Context) => T, context: Context): T;
  allOrNothing<Context, T>(work: (context: Context | undefined) => T, context?: Context): T {
    const changes = this.#changes.length;
    const skips = this.#skips.length;
    const splits = this.#splits.length;
    try {
      return work(context);
    } catch (error) {
      this.#changes.length = changes;
      this.#skips.length = skips;
      this.#splits.length = splits;
      throw error;
    }
  }

  finish(offlineClusters: Iterable<string>): Report {
    return {
      changes: this.#changes,
      skips: this.#skips,
      offlineClusters: [...offlineClusters],
    };
  }
}
