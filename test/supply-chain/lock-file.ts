import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

export const root = resolve(import.meta.dirname, '../..');

const packageSchema = z.object({
  version: z.string().optional(),
  license: z.string().optional(),
  integrity: z.string().optional(),
  dev: z.boolean().optional(),
});

const lockSchema = z.object({ packages: z.record(z.string(), packageSchema) });

/** One package of the lock file. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
  readonly integrity: string | undefined;
  /** Whether it is in the image. */
  readonly ships: boolean;
  /** Its folder below the root. */
  readonly folder: string;
}

/** Every package of the lock file. */
export function lockedPackages(): readonly LockedPackage[] {
  const { packages } = lockSchema.parse(
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')),
  );
  return Object.entries(packages)
    .filter(([folder]) => folder !== '')
    .map(([folder, { version = '', license, integrity, dev }]) => {
      const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version, license, integrity, ships: dev !== true, folder };
    });
}
