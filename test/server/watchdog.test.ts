import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const blockedFor = 1500;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offramp-watchdog-'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  await build({
    entryPoints: {
      'blocked-program': 'test/server/fixtures/blocked-program.ts',
      'watchdog-thread': 'src/server/watchdog-thread.ts',
    },
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
  readonly seconds: number;
}

async function run(
  way: string,
  during: (program: ChildProcess) => Promise<void> = async () => undefined,
): Promise<Ending> {
  const started = performance.now();
  const program = spawn(process.execPath, [
    join(folder, 'blocked-program.js'),
    way,
    String(blockedFor),
  ]);
  let [output, errors] = ['', ''];
  program.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  program.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  const ended = new Promise<Ending>((resolve) => {
    program.once('close', (code, signal) => {
      resolve({ code, signal, output, errors, seconds: (performance.now() - started) / 1000 });
    });
  });
  await during(program);
  return ended;
}

/** A process 1, of a namespace of its own. */
const asProcess1 = ['unshare', '-Urpf', '--kill-child'] as const;
const mayBeProcess1 = spawnSync(asProcess1[0], [...asProcess1.slice(1), 'true']).status === 0;

describe('the watchdog', () => {
  it.runIf(mayBeProcess1)('ends a process 1 that waits in a system call', () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const program = [process.execPath, join(folder, 'blocked-program.js'), 'system call'];
    const [command, ...args] = [...asProcess1, ...program, String(blockedFor), fifo];
    const limits = {
      timeout: blockedFor + 20_000,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    } as const;
    const { error, signal, stdout } = spawnSync(command, args, limits);
    // As unshare hands it on; a container's engine says 133.
    expect({ error, signal }).toEqual({ error: undefined, signal: 'SIGTRAP' });
    expect(stdout).toContain('"code":"event-loop-blocked"');
  });

  it.each(['loop', 'pattern', 'wait'])(
    'ends a process that hangs in a %s, with its own exit code and a last line, and nothing else',
    async (way) => {
      const { code, output, errors, seconds } = await run(way);
      expect(errors).toBe('');
      expect(code).toBe(75);
      const line: unknown = JSON.parse(output.trim().split('\n').at(-1) ?? '');
      expect(line).toMatchObject({
        level: 60,
        code: 'event-loop-blocked',
        blocked_ms: blockedFor,
        exit_code: 75,
      });
      expect(seconds).toBeLessThan(blockedFor / 1000 + 8);
    },
  );

  it('leaves alone a process that is busy for less, again and again', async () => {
    const { code, output } = await run('busy');
    expect({ code, output }).toEqual({ code: 0, output: 'started\nended by itself\n' });
  });

  it('leaves alone a process that was suspended', async () => {
    const { code, output } = await run('none', async (program) => {
      await sleep(1000);
      program.kill('SIGSTOP');
      await sleep(2 * blockedFor);
      program.kill('SIGCONT');
    });
    expect({ code, output }).toEqual({ code: 0, output: 'started\nended by itself\n' });
  });
});
