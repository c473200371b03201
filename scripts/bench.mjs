// `npm run bench:endpoints`, `npm run bench:gateway`: bundles a benchmark, and runs it.
import { spawnSync } from 'node:child_process';
import { bundleBench } from './build.mjs';

const [name, ...args] = process.argv.slice(2);
await bundleBench(name);
const { status } = spawnSync(process.execPath, [`dist/bench-${name}.js`, ...args], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
