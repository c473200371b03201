import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Builds the contenders in Go; the reason instead where that cannot be done. */
export async function buildGoProgram(
  folder: string,
): Promise<{ readonly path: string } | { readonly missing: string }> {
  const path = join(resolve(folder), 'hook');
  try {
    await promisify(execFile)('go', ['build', '-o', path, '.'], { cwd: 'bench/hook/go' });
    return { path };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: reason.includes('ENOENT') ? 'there is no go command' : reason };
  }
}
