import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { unpackDebianPackages } from './debian-packages.ts';
import { runToEnd } from './run-to-end.ts';

/** The browser without windows, and the data that it shares with the one with windows. */
const BROWSER = ['chromium-headless-shell', 'chromium-common'];

/**
 * Fetches Debian's headless Chromium, with those of its libraries that this machine does not have, about
 * 100 MB together, and leaves it in `<folder>/bin/chromium`. Nothing is installed; it needs no root.
 */
export async function unpackChromium(folder: string): Promise<void> {
  await unpackDebianPackages(folder, BROWSER, { withDependencies: true });
  await writeStarter(folder);
  await runToEnd(path.join(folder, 'bin', 'chromium'), ['--version'], {
    install: 'the libraries that it misses: `apt-get install chromium-headless-shell` gets them',
  });
}

/** A program that starts the browser with the libraries that came with it. */
async function writeStarter(folder: string): Promise<void> {
  const libraries = path.join('root', 'usr', 'lib');
  const files = await readdir(path.join(folder, libraries), { recursive: true });
  const folders = files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => path.dirname(file));
  const search = [...new Set(folders)].map((one) => `$here/${path.join(libraries, one)}`).join(':');
  const starter = [
    '#!/bin/sh',
    'here=$(dirname "$(dirname "$(readlink -f "$0")")")',
    `LD_LIBRARY_PATH="${search}" exec "$here/${libraries}/chromium/chromium-headless-shell" "$@"`,
    '',
  ].join('\n');
  const program = path.join(folder, 'bin', 'chromium');
  await mkdir(path.dirname(program));
  await writeFile(program, starter);
  await chmod(program, 0o755);
}
