// Bundles src into dist, one chunk per command, so that a command loads only what it uses.
// Packages stay outside the bundle: node_modules ships beside it, with its protos.
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const shared = {
  outdir: 'dist',
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'linked',
  logLevel: 'warning',
};

/** Also vitest's global setup: the commands are tested as they ship. */
export async function setup() {
  await bundle();
}

export async function bundle() {
  rmSync('dist', { recursive: true, force: true });
  // The watchdog's thread is a program of its own, found beside the chunk that starts it.
  const entryPoints = { main: 'src/main.ts', 'watchdog-thread': 'src/server/watchdog-thread.ts' };
  await build({ ...shared, entryPoints, splitting: true });
  chmodSync('dist/main.js', 0o755);
}

/** The demo on a real Envoy Gateway needs a checkout: made when asked for, not published. */
export async function bundleGatewayDemo() {
  await build({ ...shared, entryPoints: ['demo/gateway-demo.ts'] });
}

/** The programs of a benchmark; made when asked for, not published. */
export async function bundlePrograms(entryPoints, outdir) {
  await build({ ...shared, entryPoints, outdir });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
