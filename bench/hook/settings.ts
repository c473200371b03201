import flags from '../../scripts/image-flags.json' with { type: 'json' };

/** What every contender in Node is started with, and why, as in the Dockerfile; printed with the results. */
export const nodeSettings: {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly why: Readonly<Record<string, string>>;
} = {
  flags,
  environment: {
    MALLOC_MMAP_MAX_: '0',
    MALLOC_TRIM_THRESHOLD_: '2000000000',
    MALLOC_TOP_PAD_: '16777216',
  },
  why: {
    MALLOC_MMAP_MAX_: 'messages come from the heap, whose pages are there already',
    MALLOC_TRIM_THRESHOLD_: 'freed memory is kept for the next call',
    MALLOC_TOP_PAD_: 'the heap grows in steps of 16 MiB',
    '--max-semi-space-size': 'what one call makes is mostly gone before it is collected (MiB)',
    '--min-semi-space-size':
      'the young generation does not shrink below it while nobody calls (MiB)',
    '--no-memory-reducer': 'optimised code and heap are kept while nobody calls',
    '--heap-growing-percent': 'a message of some megabytes does not begin a full collection',
    '--no-allocation-site-pretenuring': 'what one call makes is not made where it stays',
  },
};

/** The command that runs a script of Node with these settings' flags. */
export function nodeCommand(script: string, ...args: readonly string[]): string[] {
  return [process.execPath, ...nodeSettings.flags, script, ...args];
}
