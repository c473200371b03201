import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { runToEnd } from './run-to-end.ts';

const install = 'apt-get and dpkg-deb, as Debian 12 has them';

/**
 * Fetches Debian packages (`name=version`) and unpacks them into `target`, without installing them:
 * nothing outside `folder` changes, so it needs no rights and no up-to-date package lists.
 */
export async function unpackDebianPackages(
  folder: string,
  packages: readonly string[],
  target: string,
): Promise<void> {
  const fetched = path.join(folder, 'fetched');
  await mkdir(fetched);
  const download = (options: readonly string[] = []) =>
    runToEnd('apt-get', [...options, 'download', ...packages], { install, cwd: fetched });
  try {
    await download();
  } catch {
    // The machine’s own lists are missing, or older than the packages.
    const options = await fetchLists(path.join(folder, 'lists'));
    await download(options);
  }
  for (const archive of (await readdir(fetched)).filter((name) => name.endsWith('.deb'))) {
    await runToEnd('dpkg-deb', ['-x', path.join(fetched, archive), target], { install });
  }
  await rm(fetched, { recursive: true });
  await rm(path.join(folder, 'lists'), { recursive: true, force: true });
}

/** Gives the options for apt-get to use package lists of our own. */
async function fetchLists(lists: string): Promise<readonly string[]> {
  const settings = {
    'Dir::State::Lists': path.join(lists, 'state'),
    'Dir::Cache': path.join(lists, 'cache'),
    'Acquire::Languages': 'none',
  };
  await mkdir(path.join(settings['Dir::State::Lists'], 'partial'), { recursive: true });
  await mkdir(path.join(settings['Dir::Cache'], 'archives', 'partial'), { recursive: true });
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  // Of several sources one may be out of reach: whether the packages are there is found out next.
  await runToEnd('apt-get', [...options, 'update'], { install, timeoutMs: 180_000 }).catch(
    () => {},
  );
  return options;
}
