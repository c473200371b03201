import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runToEnd } from './run-to-end.ts';

/** The browser without windows, and the data that it shares with the one with windows. */
const BROWSER = ['chromium-headless-shell', 'chromium-common'];
const INSTALL = 'Debian 12 or a derivative, with `apt-get` and `dpkg-deb`';
const TIMEOUT_MS = 10 * 60_000;

/**
 * Fetches Debian's headless Chromium, with those of its libraries that this machine does not have, about
 * 100 MB together, and leaves it in `<folder>/bin/chromium`. Nothing is installed; it needs no root.
 */
export async function unpackChromium(folder: string): Promise<void> {
  const download = path.join(folder, 'download');
  await mkdir(download);
  await fetchPackages(download, []).catch(() => fetchWithFreshLists(download));
  const packages = (await readdir(download)).filter((file) => file.endsWith('.deb'));
  for (const file of packages) {
    const unpack = ['-x', path.join(download, file), path.join(folder, 'root')];
    await runToEnd('dpkg-deb', unpack, { install: INSTALL, timeoutMs: TIMEOUT_MS });
  }
  await rm(download, { recursive: true });
  await writeStarter(folder);
  await runToEnd(path.join(folder, 'bin', 'chromium'), ['--version'], {
    install: 'the libraries that it misses: `apt-get install chromium-headless-shell` gets them',
  });
}

async function fetchPackages(folder: string, settings: readonly string[]): Promise<void> {
  const user = ['-o', `APT::Sandbox::User=${os.userInfo().username}`];
  const apt = (...command: readonly string[]) =>
    runToEnd('apt-get', [...user, ...settings, ...command], {
      ...{ cwd: folder, install: INSTALL, timeoutMs: TIMEOUT_MS },
    });
  if (settings.length > 0) await apt('update');
  const plan = await apt('install', '--simulate', '--no-install-recommends', ...BROWSER);
  const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  await apt('download', ...new Set([...BROWSER, ...missing]));
}

/** For machines without package lists, or with old ones: a browser's builds are replaced every week. */
async function fetchWithFreshLists(folder: string): Promise<void> {
  const [state, cache] = [path.join(folder, 'state'), path.join(folder, 'cache')];
  await mkdir(path.join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(path.join(cache, 'archives', 'partial'), { recursive: true });
  const own = ['-o', `Dir::State=${state}`, '-o', `Dir::Cache=${cache}`];
  // What is installed stays what is installed: it need not be fetched.
  await fetchPackages(folder, [...own, '-o', 'Dir::State::status=/var/lib/dpkg/status']);
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
