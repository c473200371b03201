/** What a process held at one moment. */
export interface Sample {
  /** Bytes of resident memory. */
  readonly memory: number;
  readonly descriptors: number;
}

/** What is open in a process at rest, with nobody connected but whoever asks: kinds, and how many. */
export type OpenThings = Readonly<Record<string, number>>;

/** What a soak counted. */
export interface Soaked {
  /** At even intervals, without the warm-up. */
  readonly samples: readonly Sample[];
  readonly atRest: { readonly before: OpenThings; readonly after: OpenThings };
  /** Each call, scrape or step that did not end as it has to, in words. */
  readonly failures: readonly string[];
}

/** The judgement of a soak. */
export interface Verdict {
  /** Mean memory of each third, in bytes. */
  readonly thirds: readonly [number, number, number];
  /** Of the last third to the first. */
  readonly growth: number;
  readonly leaked: readonly string[];
  /** Why the soak failed; nothing when it passed. */
  readonly reasons: readonly string[];
}

/** How much more memory the last third may hold than the first. */
const maxGrowth = 1.1;

/** Judges a soak: memory flat, no failure, nothing left open. */
export function judge({ samples, atRest, failures }: Soaked): Verdict {
  const third = Math.floor(samples.length / 3);
  if (third === 0) throw new Error('a soak needs three samples at least');
  const meanFrom = (start: number): number => {
    const memory = samples.slice(start, start + third).map((sample) => sample.memory);
    return memory.reduce((sum, bytes) => sum + bytes, 0) / third;
  };
  const thirds = [meanFrom(0), meanFrom(third), meanFrom(samples.length - third)] as const;
  const growth = thirds[2] / thirds[0];
  const leaked = findLeaks(atRest.before, atRest.after);
  const reasons = [
    ...(growth > maxGrowth
      ? [`memory grew: the last third has ${growth.toFixed(2)} times the first`]
      : []),
    ...(failures.length > 0 ? [`${failures.length} failures`] : []),
    ...leaked.map((what) => `left open: ${what}`),
  ];
  return { thirds, growth, leaked, reasons };
}

function findLeaks(before: OpenThings, after: OpenThings): string[] {
  return Object.entries(after).flatMap(([kind, count]) => {
    const more = count - (before[kind] ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}
