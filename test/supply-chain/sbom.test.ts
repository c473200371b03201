import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { lockedPackages, root } from './lock-file.ts';

const license = z.union([
  z.strictObject({ license: z.object({ id: z.string().min(1) }) }),
  z.strictObject({ expression: z.string().min(1) }),
]);

const componentSchema = z.object({
  'bom-ref': z.string().min(1),
  type: z.literal(['library', 'application']),
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  purl: z.string().startsWith('pkg:npm/'),
  licenses: z.array(license).min(1),
  hashes: z
    .array(
      z.strictObject({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) }),
    )
    .optional(),
});

/** What CycloneDX 1.5 asks for, and what we ask for beyond it: licences and hashes. */
const sbomSchema = z.object({
  $schema: z.literal('http://cyclonedx.org/schema/bom-1.5.schema.json'),
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.5'),
  serialNumber: z
    .string()
    .regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  version: z.int().min(1),
  metadata: z.object({ timestamp: z.iso.datetime(), component: componentSchema }),
  components: z.array(componentSchema),
  dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

function writeSbom(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-sbom-test-'));
  try {
    const file = join(folder, 'offramp.cdx.json');
    const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
    const made = spawnSync(process.execPath, ['scripts/sbom.mjs', file], { cwd: root, env });
    expect(made.status, String(made.stderr)).toBe(0);
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the bill of materials', () => {
  let text = '';
  let sbom: z.output<typeof sbomSchema>;

  beforeAll(() => {
    text = writeSbom();
    sbom = sbomSchema.parse(JSON.parse(text));
  });

  it('is of this application, with its own licence', () => {
    const { name, version, licenses } = sbom.metadata.component;
    const manifest = z
      .object({ name: z.string(), version: z.string(), license: z.string() })
      .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    expect({ name, version }).toEqual({ name: manifest.name, version: manifest.version });
    expect(licenses).toEqual([{ license: { id: manifest.license } }]);
  });

  it('has each package that ships, and no other', () => {
    const listed = sbom.components.map(({ name, version }) => `${name}@${version}`);
    const shipped = lockedPackages().filter(({ ships }) => ships);
    const expected = shipped.map(({ name, version }) => `${name}@${version}`);
    expect(listed.sort()).toEqual([...new Set(expected)].sort());
  });

  it('has the hashes of the lock file', () => {
    const locked = new Map(lockedPackages().map((one) => [`${one.name}@${one.version}`, one]));
    for (const { name, version, hashes } of sbom.components) {
      const integrity = locked.get(`${name}@${version}`)?.integrity ?? '';
      const hex = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');
      expect(hashes?.[0]?.content, name).toBe(hex);
    }
  });

  it('says what needs what, and names nothing that it does not have', () => {
    const known = new Set(
      [sbom.metadata.component, ...sbom.components].map((one) => one['bom-ref']),
    );
    const named = sbom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    expect(named.filter((ref) => !known.has(ref))).toEqual([]);
    expect(new Set(sbom.dependencies.map(({ ref }) => ref))).toEqual(known);
  });

  it('is the same each time, and says nothing of the machine that it was made on', () => {
    expect(writeSbom()).toBe(text);
    expect(sbom.metadata.timestamp).toBe('2023-11-14T22:13:20.000Z');
    expect(text).not.toContain(join(tmpdir(), 'offramp-sbom'));
    expect(text).not.toContain(root);
  });
});
