// `npm run fuzz`: builds what tries mutated snapshots, and runs it.
import { spawn } from 'node:child_process';
import { bundle, bundlePrograms } from './build.mjs';

await bundle();
await bundlePrograms(['fuzz/fuzz.ts', 'fuzz/worker.ts'], 'dist/fuzz');
spawn(process.execPath, ['dist/fuzz/fuzz.js', ...process.argv.slice(2)], { stdio: 'inherit' }).once(
  'exit',
  (code) => {
    process.exitCode = code ?? 1;
  },
);
