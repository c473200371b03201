import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Config, configSchema } from './schema.ts';
import { type FileProblem, formatProblem, parseYaml } from './yaml-file.ts';

/** The configuration or state cannot be used; the message says what, where and what to do. */
export class InvalidInputError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'InvalidInputError';
  }

  static of(problems: readonly FileProblem[]): InvalidInputError {
    return new InvalidInputError(problems.map(formatProblem));
  }
}

/** A configuration and the folder its relative paths start from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly folder: string;
}

/**
 * Reads the configuration file; without one, every default, with paths from the working directory.
 * Throws InvalidInputError.
 */
export function loadConfig(file: string | undefined): LoadedConfig {
  if (file === undefined) return { config: configSchema.parse({}), folder: process.cwd() };
  const parsed = parseYaml(file, readInput(file), configSchema);
  if (!parsed.ok) throw InvalidInputError.of(parsed.problems);
  return { config: parsed.value, folder: dirname(resolve(file)) };
}

/** The text of a file that the user named. Throws InvalidInputError. */
export function readInput(file: string): string {
  return readBytes(file).toString('utf8');
}

/** The bytes of a file that the user named. Throws InvalidInputError. */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new InvalidInputError([`${file}: cannot be read: ${reasonOf(error)}`]);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
