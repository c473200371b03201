// Bundles src into dist, one chunk per command, so that a command loads only what it uses.
// Packages stay outside the bundle: node_modules ships beside it, with its protos.
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Also vitest's global setup: the commands are tested as they ship. */
export async function setup() {
  await bundle();
}

async function bundle() {
  rmSync('dist', { recursive: true, force: true });
  await build({
    entryPoints: ['src/main.ts'],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  chmodSync('dist/main.js', 0o755);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
