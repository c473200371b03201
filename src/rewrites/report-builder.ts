import type { UnreadableResource } from '../xds/snapshot.ts';
import type { Change, Effect, Place, Report, Skip, SkipReason, SplitVerdict } from './report.ts';

/** A resource, or a policy of the hook's context, that cannot be read. */
type Unreadable = Omit<UnreadableResource, 'kind'> & Pick<Place, 'kind'>;

/** Collects what one rewrite does to one snapshot. */
export class ReportBuilder {
  readonly #rewrite: string;
  readonly #changes: Change[] = [];
  readonly #skips: Skip[] = [];

  readonly #splits: SplitVerdict[] | undefined;

  /** With `verdicts`, the report has every weighted route too. */
  constructor(rewrite: string, { verdicts = false } = {}) {
    this.#rewrite = rewrite;
    this.#splits = verdicts ? [] : undefined;
  }

  /** Whether `split` is heard. */
  get wantsSplits(): boolean {
    return this.#splits !== undefined;
  }

  split(verdict: SplitVerdict): void {
    this.#splits?.push(verdict);
  }

  changed(effect: Effect, place: Place, connectors: readonly string[], detail: string): void {
    this.#changes.push({ rewrite: this.#rewrite, effect, place, connectors, detail });
  }

  skipped(reason: SkipReason, place: Place, detail: string): void {
    this.#skips.push({ rewrite: this.#rewrite, reason, place, detail });
  }

  /** Reports a resource that stays as it came because it cannot be read. */
  readonly unreadable = ({ kind, index, error }: Unreadable): void => {
    const reason = error.kind === 'ambiguous' ? 'ambiguous-encoding' : 'malformed-resource';
    this.skipped(reason, { kind, resource: `${kind}[${index}]` }, error.message);
  };

  /** Runs `work`; when it throws, what it reported is forgotten, because nothing of it happened. */
  allOrNothing<T>(work: () => T): T {
    const changes = this.#changes.length;
    const skips = this.#skips.length;
    const splits = this.#splits?.length ?? 0;
    try {
      return work();
    } catch (error) {
      this.#changes.length = changes;
      this.#skips.length = skips;
      this.#splits?.splice(splits);
      throw error;
    }
  }

  finish(offlineClusters: Iterable<string>): Report {
    return {
      changes: this.#changes,
      skips: this.#skips,
      ...(this.#splits === undefined ? {} : { splits: this.#splits }),
      offlineClusters: [...offlineClusters],
    };
  }
}
