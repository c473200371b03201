import { type FileProblem, isBlank, tooLong } from '../config/yaml-file.ts';
import { reasonOf } from '../errors.ts';
import { FileTooLong, readRegularFile } from '../process/regular-file.ts';
import { maxStateLength } from './state-file.ts';

/** A character has three bytes at most, of which UTF-16 counts one. */
const maxBytes = 3 * maxStateLength;

/** A state file’s text; or why there is none, or nothing in it; or why it cannot be read. */
export type ReadStateFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'nothing'; readonly reason: string }
  | { readonly kind: 'failed'; readonly problem: FileProblem };

/** Reads a state file. One that has to be waited for, such as a FIFO, is not read. */
export function readStateFile(path: string): ReadStateFile {
  try {
    const text = readRegularFile(path, maxBytes).toString('utf8');
    // Most likely somebody is about to write it; it must not mean that all connectors are gone.
    if (isBlank(text)) {
      return { kind: 'nothing', reason: 'the file is empty; `connectors: []` says none' };
    }
    return { kind: 'text', text };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { kind: 'nothing', reason: 'there is no such state file' };
    }
    return { kind: 'failed', problem: explain(path, error) };
  }
}

function explain(file: string, error: unknown): FileProblem {
  if (error instanceof FileTooLong) return tooLong(file, error.bytes, maxStateLength);
  return { file, line: 1, column: 1, path: '', reason: reasonOf(error) };
}
