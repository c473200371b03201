import { mkdirSync, rmSync, type Stats, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { Logger } from 'pino';

/**
 * Makes the socket's folder, which keeps other users out whatever the umask says of the socket, and
 * removes a socket that a process left which is no more. Throws why there is no room for one.
 */
export async function makeRoomForSocket(path: string, log: Logger): Promise<void> {
  const folder = dirname(resolve(path));
  mkdirSync(folder, { recursive: true, mode: 0o770 });
  const us = process.geteuid?.() ?? 0;
  const risk = whoElseMayAnswer(statSync(folder), { us, outside: statSync(dirname(folder)).dev });
  if (risk !== undefined) log[risk.level]({ folder }, risk.text);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new Error('there is a file that is no socket');
  if (await someoneListens(path)) throw new Error('another process listens there');
  rmSync(path, { force: true });
}

/** Who runs Offramp, and the device that the folder above is on: a volume has another. */
interface Surroundings {
  readonly us: number;
  readonly outside: number;
}

/** What to tell of a folder in which others may put a socket of their own in place of ours. */
export function whoElseMayAnswer(
  { uid, mode, dev }: Pick<Stats, 'uid' | 'mode' | 'dev'>,
  { us, outside }: Surroundings,
): { readonly level: 'info' | 'warn'; readonly text: string } | undefined {
  if (uid !== us && uid !== 0) {
    const text = `user ${uid}, whose folder it is, may answer Envoy Gateway with a socket of its own: chown it, or name another folder in grpc.address`;
    return { level: 'warn', text };
  }
  const isSticky = (mode & 0o1000) !== 0;
  if ((mode & 0o002) === 0 || isSticky) return undefined;
  if (dev === outside) {
    const text =
      'every user may answer Envoy Gateway with a socket of their own in this folder: chmod o-w it, or name another in grpc.address';
    return { level: 'warn', text };
  }
  // An emptyDir is like this, and who gets to it is decided by who mounts it.
  const text =
    'whoever has this volume may answer Envoy Gateway with a socket of their own: mount it nowhere but here and in Envoy Gateway';
  return { level: 'info', text };
}

/** Rejects when it cannot be told: a socket that somebody may listen at is not ours to remove. */
function someoneListens(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code: unknown = Reflect.get(error, 'code');
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
