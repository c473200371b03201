import { mkdir, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runToEnd } from './run-to-end.ts';

interface Options {
  /** Also whatever they depend on that this machine does not have. */
  readonly withDependencies?: boolean;
}

const install = 'Debian 12 or a derivative that has these packages, with `apt-get` and `dpkg-deb`';
const limits = { install, timeoutMs: 10 * 60_000 };

/**
 * Fetches Debian packages (`name` or `name=version`; the version may end in `*`) and unpacks them into
 * `<folder>/root`. Nothing is installed and nothing outside `folder` changes, so it needs no root.
 */
export async function unpackDebianPackages(
  folder: string,
  packages: readonly string[],
  options: Options = {},
): Promise<void> {
  const download = path.join(folder, 'download');
  await mkdir(download);
  await fetchPackages(download, packages, options).catch(async () => {
    // The machine's own lists are missing, or older than the packages.
    await fetchPackages(download, packages, options, await fetchLists(download));
  });
  for (const file of (await readdir(download)).filter((name) => name.endsWith('.deb'))) {
    await runToEnd(
      'dpkg-deb',
      ['-x', path.join(download, file), path.join(folder, 'root')],
      limits,
    );
  }
  await rm(download, { recursive: true });
}

async function fetchPackages(
  folder: string,
  packages: readonly string[],
  { withDependencies = false }: Options,
  settings: readonly string[] = [],
): Promise<void> {
  const dependencies = withDependencies
    ? await runApt(
        folder,
        [...settings, 'install', '--simulate', '--no-install-recommends'],
        packages,
      )
    : '';
  const missing = [...dependencies.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  await runApt(folder, [...settings, 'download'], [...new Set([...packages, ...missing])]);
}

/** Gives the settings for apt-get to use package lists of our own. */
async function fetchLists(folder: string): Promise<readonly string[]> {
  const [state, cache] = [path.join(folder, 'state'), path.join(folder, 'cache')];
  await mkdir(path.join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(path.join(cache, 'archives', 'partial'), { recursive: true });
  const settings = [
    `Dir::State=${state}`,
    `Dir::Cache=${cache}`,
    'Dir::State::status=/var/lib/dpkg/status', // what is installed need not be fetched
    'Acquire::Languages=none',
  ].flatMap((setting) => ['-o', setting]);
  // Of several sources one may be out of reach: whether the packages are there is found out next.
  await runApt(folder, settings, ['update']).catch(() => {});
  return settings;
}

function runApt(
  folder: string,
  command: readonly string[],
  args: readonly string[],
): Promise<string> {
  const user = ['-o', `APT::Sandbox::User=${os.userInfo().username}`];
  return runToEnd('apt-get', [...user, ...command, ...args], { ...limits, cwd: folder });
}
