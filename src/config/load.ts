import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { OfframpError, reasonOf } from '../errors.ts';
import { FileTooLong, readAtMost } from '../process/regular-file.ts';
import { type Config, configSchema } from './schema.ts';
import {
  formatProblem,
  isBlank,
  maxYamlLength,
  type Parsed,
  parseYaml,
  tooLong,
} from './yaml-file.ts';

/** A configuration and the folder its relative paths start from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly folder: string;
}

/**
 * Reads the configuration file; without one, every default, with paths from the working directory.
 * Throws OfframpError: configuration-invalid, file-unreadable.
 */
export function loadConfig(file: string | undefined): LoadedConfig {
  if (file === undefined) return { config: configSchema.parse({}), folder: process.cwd() };
  const parsed = parseConfiguration(file, readInput(file, maxYamlLength));
  if (!parsed.ok) {
    throw new OfframpError('configuration-invalid', parsed.problems.map(formatProblem));
  }
  return { config: parsed.value, folder: dirname(resolve(file)) };
}

/** Parses a configuration file. One without anything in it is refused. */
export function parseConfiguration(file: string, text: string): Parsed<Config> {
  if (!isBlank(text)) return parseYaml(file, text, configSchema);
  // A full disk leaves such a file. Started with every default, nothing would be as it was.
  const reason = 'the file is empty; `{}` says every default';
  return { ok: false, problems: [{ file, line: 1, column: 1, path: '', reason }] };
}

/**
 * The text of a YAML file that the user named, of so many characters. Throws OfframpError: file-unreadable,
 * configuration-invalid when it is longer.
 */
export function readInput(file: string, atMost: number): string {
  try {
    // A character has three bytes at most, of which UTF-16 counts one.
    const text = readAtMost(file, 3 * atMost).toString('utf8');
    if (text.length > atMost) throw new FileTooLong(text.length);
    return text;
  } catch (error) {
    if (!(error instanceof FileTooLong)) throw unreadable(file, error);
    const problem = formatProblem(tooLong(file, error.bytes, atMost));
    throw new OfframpError('configuration-invalid', [problem]);
  }
}

/** The bytes of a file that the user named. Throws OfframpError: file-unreadable. */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): OfframpError {
  return new OfframpError('file-unreadable', [`${file}: cannot be read: ${reasonOf(error)}`]);
}
