// Has the code kept that V8 makes of the program in dist, for the Node that runs this (src/save-code.ts).
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** For starts by hand, and for those with the flags of the image; anew, so the same bytes each time. */
export async function saveCode() {
  rmSync('dist/code', { recursive: true, force: true });
  const imageFlags = JSON.parse(readFileSync('scripts/image-flags.json', 'utf8'));
  const { PATH = '', TMPDIR = tmpdir() } = process.env;
  // Other variables could change what runs, or which flags V8 compares.
  const options = { env: { PATH, TMPDIR }, timeout: 60_000 };
  await Promise.all(
    [[], imageFlags].map((flags) =>
      promisify(execFile)(
        process.execPath,
        ['--random-seed=1', ...flags, 'dist/save-code.js'],
        options,
      ),
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await saveCode();
