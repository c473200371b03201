import { setTimeout as sleep } from 'node:timers/promises';

/** Something that is done again and again. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly work: () => void | Promise<void>;
}

/**
 * Does each chore once in its interval, for as long as `milliseconds`, and ends when the last of them
 * is done. What goes wrong is told, and the chore goes on.
 */
export async function doChores(
  chores: readonly Chore[],
  milliseconds: number,
  failed: (what: string) => void,
): Promise<void> {
  const ends = performance.now() + milliseconds;
  const keepDoing = async ({ name, everyMs, work }: Chore): Promise<void> => {
    for (let due = performance.now() + everyMs; due <= ends; due += everyMs) {
      await sleep(due - performance.now());
      try {
        await work();
      } catch (error) {
        failed(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  await Promise.all([...chores.map(keepDoing), sleep(milliseconds)]);
}
