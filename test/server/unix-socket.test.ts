import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../src/server/listener.ts';
import { whoElseMayAnswer } from '../../src/server/unix-socket.ts';
import { type LogLine, logSink } from '../support/running-server.ts';

const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

/** A folder that others get into, with one below it that has these rights. */
function makeFolder(mode: number): string {
  const above = mkdtempSync(join(tmpdir(), 'offramp-socket-'));
  onTestFinished(() => rmSync(above, { recursive: true, force: true }));
  chmodSync(above, 0o755);
  const folder = join(above, 'run');
  mkdirSync(folder);
  chmodSync(folder, mode);
  return folder;
}

async function bind(path: string): Promise<LogLine[]> {
  const log: LogLine[] = [];
  const listener = await listen(`unix:${path}`, {
    maxConnections: 1,
    makeRoom: () => false,
    accepted: (socket) => void socket.destroy(),
    refused: () => undefined,
    counted: () => undefined,
    log: pino(logSink(log)),
  });
  onTestFinished(() => listener.close());
  return log;
}

/** As a user without rights: to root, nothing is denied. */
async function bindWithoutRights(path: string): Promise<LogLine[]> {
  if (!isRoot) return bind(path);
  process.seteuid?.(nobody);
  try {
    return await bind(path);
  } finally {
    process.seteuid?.(0);
  }
}

const unusable = (reason: string) => ({
  code: 'address-unusable',
  message: expect.stringMatching(new RegExp(`^grpc.address unix:\\S+: .*${reason}`)),
});

describe('a socket that Offramp may not', () => {
  it('look at, in the folder of somebody else, is an address that cannot be used', async () => {
    const path = join(makeFolder(0o000), 'offramp.sock');
    await expect(bindWithoutRights(path)).rejects.toMatchObject(unusable('EACCES'));
  });

  it('make a folder for is one too', async () => {
    const file = join(makeFolder(0o755), 'file');
    writeFileSync(file, '');
    await expect(bind(join(file, 'offramp.sock'))).rejects.toMatchObject(
      unusable('EEXIST|ENOTDIR'),
    );
    await expect(bind(join(file, 'run', 'offramp.sock'))).rejects.toMatchObject(
      unusable('ENOTDIR'),
    );
  });

  it('connect to stays with the process that listens there', async () => {
    const path = join(makeFolder(0o777), 'offramp.sock');
    const living = createServer().listen(path);
    onTestFinished(() => void living.close());
    await expect.poll(() => existsSync(path)).toBe(true);
    chmodSync(path, 0o000);
    await expect(bindWithoutRights(path)).rejects.toMatchObject(unusable('EACCES'));
    expect(existsSync(path)).toBe(true);
  });
});

describe('the folder of the socket', () => {
  const warnings = (log: readonly LogLine[]) =>
    log.flatMap(({ level, msg }) => (level === 40 ? [msg] : []));

  it('is warned of where every user may put another socket', async () => {
    const log = await bind(join(makeFolder(0o777), 'offramp.sock'));
    expect(warnings(log)).toEqual([expect.stringMatching(/^every user may .*: chmod o-w it/)]);
  });

  it.runIf(isRoot)('is warned of where it belongs to another user', async () => {
    const folder = makeFolder(0o755);
    chownSync(folder, nobody, nobody);
    const log = await bind(join(folder, 'offramp.sock'));
    expect(warnings(log)).toEqual([
      expect.stringMatching(/^user 65534, whose folder it is, .*: chown/),
    ]);
  });

  it('is not mentioned where others may not write, or not replace, or where Offramp makes it', async () => {
    for (const mode of [0o755, 0o770, 0o1777]) {
      expect(await bind(join(makeFolder(mode), 'offramp.sock'))).toEqual([]);
    }
    expect(await bind(join(makeFolder(0o755), 'made', 'offramp.sock'))).toEqual([]);
  });

  it('is mentioned, and not warned of, where it is a volume: mounts decide who may', () => {
    const emptyDir = { uid: 0, mode: 0o40777, dev: 7 };
    const us = 65_532;
    const told = whoElseMayAnswer(emptyDir, { us, outside: 8 });
    expect(told).toMatchObject({ level: 'info', text: expect.stringContaining('this volume') });
    expect(whoElseMayAnswer(emptyDir, { us, outside: 7 })?.level).toBe('warn');
    expect(whoElseMayAnswer({ ...emptyDir, mode: 0o42770 }, { us, outside: 8 })).toBeUndefined();
  });
});
