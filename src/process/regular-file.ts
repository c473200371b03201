import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

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

/** The file has more bytes than are read. */
export class FileTooLong extends Error {
  readonly bytes: number;

  constructor(bytes: number) {
    super(`the file is too long: ${bytes} bytes`);
    this.bytes = bytes;
  }
}
