import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runToEnd } from './run-to-end.ts';

/** A package of Debian, by the upstream part of its version: Debian's own revisions may differ. */
interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

const INSTALL = 'Debian 12 or a derivative that has this package, with `apt-get` and `dpkg-deb`';

/** Fetches a package and leaves its programs in `<folder>/bin`. Nothing is installed; it needs no root. */
export async function unpackPrograms(folder: string, wanted: DebianPackage): Promise<void> {
  const download = path.join(folder, 'download');
  const unpacked = path.join(folder, 'unpacked');
  await mkdir(download);
  await fetchPackage(download, wanted);
  const file = (await readdir(download)).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new Error(`testbed: apt-get left no package ${wanted.name}`);
  const unpack = ['-x', path.join(download, file), unpacked];
  await runToEnd('dpkg-deb', unpack, { install: INSTALL });
  await rename(path.join(unpacked, 'usr', 'bin'), path.join(folder, 'bin'));
  await rm(download, { recursive: true });
  await rm(unpacked, { recursive: true });
}

/** By the machine's own package lists; when they do not have it, by fresh ones, kept in `folder`. */
async function fetchPackage(folder: string, { name, version }: DebianPackage): Promise<void> {
  const asUser = ['-o', `APT::Sandbox::User=${os.userInfo().username}`];
  const get = ['download', `${name}=${version}*`];
  const options = { install: INSTALL, cwd: folder, timeoutMs: 5 * 60_000 };
  const known = await runToEnd('apt-get', [...asUser, ...get], options).catch(() => undefined);
  if (known !== undefined) return;
  const [state, cache] = [path.join(folder, 'state'), path.join(folder, 'cache')];
  await mkdir(path.join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(path.join(cache, 'archives', 'partial'), { recursive: true });
  const own = ['-o', `Dir::State=${state}`, '-o', `Dir::Cache=${cache}`];
  const ownStatus = [...own, '-o', 'Dir::State::status=/dev/null', ...asUser];
  await runToEnd('apt-get', [...ownStatus, 'update'], options);
  await runToEnd('apt-get', [...ownStatus, ...get], options);
}
