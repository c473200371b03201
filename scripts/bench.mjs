// `npm run bench`, `npm run bench:endpoints`, `npm run soak`: builds a benchmark or the soak, and runs it.
import { spawn } from 'node:child_process';
import { bundlePrograms } from './build.mjs';

/** What is run, and behind it the processes that it starts. */
const programs = {
  hook: [
    'bench',
    'bare-server',
    'echo-server',
    'http2-echo',
    'reading-server',
    'typed-server',
    'node-client',
  ],
  endpoints: ['bench', 'serve'],
  soak: ['soak'],
};

const [name, ...args] = process.argv.slice(2);
const folder = `dist/bench-${name}`;
await bundlePrograms(
  programs[name].map((program) => `bench/${name}/${program}.ts`),
  folder,
);
spawn(process.execPath, [`${folder}/${programs[name][0]}.js`, ...args], { stdio: 'inherit' }).once(
  'exit',
  (code) => {
    process.exitCode = code ?? 1;
  },
);
