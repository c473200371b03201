import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFleet } from '../../bench/hook/fleet.ts';

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offramp-kept-code-'));
  const { request, connectors } = makeFleet(300);
  writeFileSync(join(folder, 'request.binpb'), request);
  writeFileSync(join(folder, 'connectors.json'), JSON.stringify(connectors));
  await build({
    entryPoints: ['test/server/fixtures/calls-behind-collections.ts'],
    outfile: join(folder, 'program.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * A closure of one call takes its optimised code with it when everything is collected, and is compiled
 * anew in the next one. Not all code survives each collection (V8 may end one before it has found which
 * types are still in use), but nearly all survives most.
 */
it('the code of a call survives a full collection', async () => {
  const args = ['--trace-opt', 'program.mjs', 'request.binpb', 'connectors.json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: folder,
    maxBuffer: 2 ** 28,
  });
  const [warmingUp, ...behindCollections] = stdout.split('collected\n');
  expect(compilations(warmingUp)).toBeGreaterThan(100);
  expect(behindCollections).toHaveLength(8);
  const counts = behindCollections.map(compilations);
  const median = counts.toSorted((a, b) => a - b)[4];
  expect(median, `compiled anew: ${counts.join(', ')}`).toBeLessThan(12);
}, 120_000);

function compilations(trace: string | undefined): number {
  return trace?.match(/\[completed optimizing /g)?.length ?? 0;
}
