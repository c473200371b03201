import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { RunningKubernetes } from './kubernetes/kubernetes.ts';
import { runToEnd } from './run-to-end.ts';

/**
 * What `offramp check` prints of files with that content, together in a folder. A configuration that
 * reads a cluster reads this one. Throws what it printed when something would not work.
 */
export async function checkWith(
  kubernetes: RunningKubernetes,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'offramp-e2e-check-'));
  try {
    const paths = Object.keys(files).map((file) => path.join(folder, file));
    for (const [file, text] of Object.entries(files)) {
      await writeFile(path.join(folder, file), text);
    }
    const program = [path.resolve('dist', 'main.js'), 'check', ...paths];
    return await runToEnd(process.execPath, program, {
      env: { KUBECONFIG: kubernetes.kubeconfig },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
