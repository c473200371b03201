// Bundles src into dist: the program, what starts it, and its threads; and keeps what V8 makes of the program.
// Packages are bundled too: hundreds of small files are what a start waits for. Those that read files of
// their own, or that few load, stay outside; node_modules ships beside dist, with their protos.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { keepConstants } from './keep-constants.mjs';
import { collectLicenses } from './licenses.mjs';
import { saveCode } from './save-code.mjs';

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

/** Packages with protos, which they look for beside themselves, and those that few load, when asked. */
const external = [
  '@opentelemetry/core',
  '@opentelemetry/exporter-*',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-*',
  '@grpc/grpc-js-xds',
  '@grpc/proto-loader',
  '@grpc/reflection',
  'grpc-health-check',
];

/** CommonJS packages ask for Node's own modules by `require`, which an ES module has to make. */
const requireForPackages =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

/** Also vitest's global setup: the commands are tested as they ship. */
export async function setup() {
  await bundle();
}

export async function bundle() {
  rmSync('dist', { recursive: true, force: true });
  const bundled = { ...shared, packages: 'bundle', external, metafile: true };
  const results = await Promise.all([
    // One function in one script: V8 keeps no code of a module (src/process/compiled-program.ts).
    build({
      ...bundled,
      entryPoints: ['src/program.ts'],
      format: 'cjs',
      banner: { js: '(function (require, programUrl) {' },
      footer: { js: '})' },
      define: { 'import.meta.url': 'programUrl' },
      supported: { 'dynamic-import': false },
    }),
    // Threads are programs of their own, found beside the one that starts them.
    build({
      ...bundled,
      entryPoints: {
        main: 'src/main.ts',
        'save-code': 'src/save-code.ts',
        'state-file-thread': 'src/state/state-file-thread.ts',
        'watchdog-thread': 'src/server/watchdog-thread.ts',
      },
      banner: { js: requireForPackages },
    }),
  ]);
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  writeFileSync('dist/LICENSES.txt', collectLicenses(inputs));
  chmodSync('dist/main.js', 0o755);
  const program = readFileSync('dist/program.js', 'utf8');
  writeFileSync('dist/program.js', keepConstants(escapeOthers(program)));
  await saveCode();
}

/** Leaves nothing but ASCII, which is read fast: esbuild escapes it in strings, but not in patterns and tagged templates. */
function escapeOthers(text) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/[\u0080-\uffff]/g, escaped);
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
