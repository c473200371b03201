import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/**
 * Reads a file that somebody may swap for anything at any time: what is no regular file, a FIFO without
 * a writer or an endless device, is refused instead of waited for, and so is one of more bytes than `atMost`.
 */
export function readRegularFile(path: string, atMost = Number.POSITIVE_INFINITY): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.size > atMost) throw new FileTooLong(stat.size);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Reads what somebody named to be read, a pipe too, up to its end; of more bytes than `atMost` no more than these. */
export function readAtMost(path: string, atMost: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size > atMost) throw new FileTooLong(size);
    const chunks: Buffer[] = [];
    for (let length = 0; length <= atMost; ) {
      const chunk = Buffer.alloc(chunkBytes);
      const read = readSync(file, chunk);
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
      length += read;
    }
    throw new FileTooLong(atMost + 1);
  } finally {
    closeSync(file);
  }
}

const chunkBytes = 64 * 2 ** 10;

/** The file has more bytes than are read. */
export class FileTooLong extends Error {
  readonly bytes: number;

  constructor(bytes: number) {
    super(`the file is too long: ${bytes} bytes`);
    this.bytes = bytes;
  }
}
