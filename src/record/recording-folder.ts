import {
  accessSync,
  constants,
  createWriteStream,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, constants as zlib } from 'node:zlib';
import { OfframpError } from '../errors.ts';
import { isPartial, isRecording, partialName } from './recording-name.ts';

/** What a folder's recordings may take together; the oldest make room for a new one. */
export interface RecordingLimits {
  readonly maxFiles: number;
  /** Compressed, as on disk. */
  readonly maxBytes: number;
}

/** One recording alone, compressed, is over the folder's limit. */
export class RecordingTooLargeError extends Error {
  readonly code = 'RECORDING_TOO_LARGE';

  constructor({ maxBytes }: RecordingLimits) {
    super(`one recording alone is larger than --record-max-bytes (${maxBytes} bytes)`);
    this.name = 'RecordingTooLargeError';
  }
}

/** Bytes that gzip hands over at a time: fewer, larger pieces leave the event loop to the hook. */
const gzipChunkBytes = 256 * 1024;

/** The recordings in one folder. Files with names that are not ours are never touched. */
export class RecordingFolder {
  readonly path: string;
  readonly #limits: RecordingLimits;

  /**
   * Makes the folder, for its owner only, when it is not there, and removes what an Offramp that
   * died left half-written. Throws OfframpError (file-unwritable) when nothing could be recorded there.
   */
  constructor(path: string, limits: RecordingLimits) {
    this.path = path;
    this.#limits = limits;
    try {
      prepare(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OfframpError('file-unwritable', [
        `--record ${path}: ${reason}; name a folder that Offramp may write to, in one that is there`,
      ]);
    }
  }

  /**
   * Saves gzip of `parts`, one after the other, under this name: whole or not at all. Answers its
   * size on disk. Rejects with the file system's error, or RecordingTooLargeError.
   */
  async save(name: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    const partial = join(this.path, partialName(name));
    try {
      const bytes = await this.#writeGzip(partial, parts, signal);
      await this.#makeRoomFor(bytes);
      await rename(partial, join(this.path, name));
      return bytes;
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {}); // the error in hand says more
      throw error;
    }
  }

  async #writeGzip(
    file: string,
    parts: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<number> {
    const limits = this.#limits;
    let bytes = 0;
    async function* withinLimit(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > limits.maxBytes) throw new RecordingTooLargeError(limits);
        yield chunk;
      }
    }
    await pipeline(
      Readable.from(parts),
      createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: gzipChunkBytes }),
      withinLimit,
      // Flushed, because some file systems tell of a full disk no sooner.
      createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true }),
      { signal },
    );
    return bytes;
  }

  /** Removes the oldest recordings until one more of this size is within the limits. */
  async #makeRoomFor(bytes: number): Promise<void> {
    const { maxFiles, maxBytes } = this.#limits;
    const recordings = await this.#recordings();
    let files = recordings.length + 1;
    let total = recordings.reduce((sum, { size }) => sum + size, bytes);
    for (const { file, size } of recordings) {
      if (files <= maxFiles && total <= maxBytes) return;
      await rm(file, { force: true });
      files--;
      total -= size;
    }
  }

  /** Oldest first. */
  async #recordings(): Promise<{ readonly file: string; readonly size: number }[]> {
    const names = (await readdir(this.path)).filter(isRecording).toSorted();
    const found = await Promise.all(
      names.map(async (name) => {
        const file = join(this.path, name);
        const stats = await lstat(file).catch(() => undefined); // gone by now: takes no room
        return stats?.isFile() ? [{ file, size: stats.size }] : [];
      }),
    );
    return found.flat();
  }
}

function prepare(path: string): void {
  // Asked first: mkdir on a read-only file system refuses even a folder that is there.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    // Not its parents: a volume that is not mounted would be made up, and where no folder can be
    // made at all, as in /proc, Node's recursive mkdir never returns.
    mkdirSync(path, { mode: 0o700 });
  }
  const files = readdirSync(path);
  accessSync(path, constants.W_OK | constants.X_OK);
  for (const name of files.filter(isPartial)) rmSync(join(path, name), { force: true });
}
