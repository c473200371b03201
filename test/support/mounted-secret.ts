import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder in which the files of a Secret are mounted, as a kubelet does it. */
export interface MountedSecret {
  readonly folder: string;
  /** Replaces all of the files at a stroke: `..data` leads to another folder then. */
  mount(files: Readonly<Record<string, string>>): void;
}

/** Mounts a Secret; it is removed when the test is over. */
export function mountSecret(files: Readonly<Record<string, string>>): MountedSecret {
  const secret = mountSecretUntilRemoved(files);
  onTestFinished(() => rmSync(secret.folder, { recursive: true, force: true }));
  return secret;
}

/** Mounts a Secret that somebody else removes. */
export function mountSecretUntilRemoved(files: Readonly<Record<string, string>>): MountedSecret {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-secret-'));
  let version = 0;
  const mount = (contents: Readonly<Record<string, string>>) => {
    const data = `..version_${++version}`;
    mkdirSync(join(folder, data));
    for (const [name, content] of Object.entries(contents)) {
      writeFileSync(join(folder, data, name), content, { mode: 0o600 });
    }
    symlinkSync(data, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    if (version > 1) rmSync(join(folder, `..version_${version - 1}`), { recursive: true });
  };
  mount(files);
  for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(folder, name));
  return { folder, mount };
}
