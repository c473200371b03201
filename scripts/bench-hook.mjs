// `npm run bench`: builds Offramp and the benchmark of its hook, and runs it.
import { spawn } from 'node:child_process';
import { build } from 'esbuild';
import { bundle } from './build.mjs';

const programs = ['bench', 'echo-server', 'typed-server', 'node-client'];
await bundle();
await build({
  entryPoints: programs.map((name) => `bench/hook/${name}.ts`),
  outdir: 'dist/bench-hook',
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
});
const args = ['dist/bench-hook/bench.js', ...process.argv.slice(2)];
spawn(process.execPath, args, { stdio: 'inherit' }).once('exit', (code) => {
  process.exitCode = code ?? 1;
});
