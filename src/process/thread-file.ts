import { existsSync } from 'node:fs';

/** The program of a thread: beside the bundle; from the sources, in the folder of the last build. */
export function threadFile(name: string): URL {
  const beside = new URL(`./${name}.js`, import.meta.url);
  return existsSync(beside) ? beside : new URL(`../../dist/${name}.js`, import.meta.url);
}
