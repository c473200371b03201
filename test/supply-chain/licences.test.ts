import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { lockedPackages, root } from './lock-file.ts';

/** Licences that ask for no more than that their text comes along, which node_modules has. */
const permissive = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];
/** Of single packages that ship, read and found to be as permissive. */
const alsoShipped = ['Python-2.0', 'Unlicense', '(BSD-3-Clause OR GPL-2.0)'];
/** Of tools that do not ship; the MPL binds only who passes changed files of theirs on. */
const alsoForTools = ['MPL-2.0', 'MIT OR Apache-2.0'];

const packages = lockedPackages();

describe('the licences of what Offramp is made of', () => {
  it('are allowed, in everything that ships', () => {
    const allowed = new Set([...permissive, ...alsoShipped]);
    const others = packages.filter(({ ships, license = 'none' }) => ships && !allowed.has(license));
    expect(others).toEqual([]);
    expect(packages.filter(({ ships }) => ships).length).toBeGreaterThan(100);
  });

  it('are allowed, in the tools', () => {
    const allowed = new Set([...permissive, ...alsoShipped, ...alsoForTools]);
    expect(packages.filter(({ license = 'none' }) => !allowed.has(license))).toEqual([]);
  });

  it('are what each installed package says of itself', () => {
    const installed = packages.filter(({ folder }) =>
      existsSync(join(root, folder, 'package.json')),
    );
    expect(installed.length).toBeGreaterThan(200);
    const differing = installed
      .map(({ folder, license }) => ({ folder, license, own: ownLicense(folder) }))
      .filter(({ license, own }) => license !== own);
    expect(differing).toEqual([]);
  });

  it('come along with each package that the build has code of', () => {
    const dist = join(root, 'dist');
    const texts = readFileSync(join(dist, 'LICENSES.txt'), 'utf8');
    const named = [...texts.matchAll(/^=== (\S+) /gm)].map(([, name]) => name);
    // Above the code of each file stands where it comes from.
    const fileOfPackage = /^\s*\/\/ (?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/gm;
    const bundled = readdirSync(dist)
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(dist, name), 'latin1'))
      .flatMap((text) => [...text.matchAll(fileOfPackage)].map(([, name]) => name));
    expect(bundled).toContain('@grpc/grpc-js');
    expect(bundled.filter((name) => !named.includes(name))).toEqual([]);
  });
});

const ownSchema = z.object({
  license: z.union([z.string(), z.object({ type: z.string() })]).optional(),
  licenses: z.array(z.object({ type: z.string() })).optional(),
});

function ownLicense(folder: string): string | undefined {
  const manifest = ownSchema.parse(
    JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
  );
  const { license, licenses } = manifest;
  if (typeof license === 'string') return license;
  return license?.type ?? licenses?.[0]?.type;
}
