import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StartedProcess, startProcess } from './support/child-process.ts';
import { type GatewayTurn, takeGatewayTurn } from './support/gateway-turn.ts';
import { commandLineOf } from './support/process-tree.ts';
import { testbedToolPath } from './support/testbed-cache.ts';
import { waitFor } from './support/wait-for.ts';

const ENOUGH = { timeoutMs: 90_000 };
const run = promisify(execFile);

describe('npm run demo -- --gateway', () => {
  let turn: GatewayTurn;
  /** The demo's own folder for temporary files; its own turn is in there too, so we take the real one. */
  let folder: string;
  let demo: StartedProcess | undefined;

  beforeEach(async () => {
    turn = await takeGatewayTurn([18_000]);
    folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-demo-'));
  });

  afterEach(async () => {
    await demo?.stop(20_000);
    demo = undefined;
    await rm(folder, { recursive: true, force: true });
    turn.release();
  });

  /** As in a terminal of its own, where Ctrl-C reaches npm and all that it started. */
  async function startDemo(...args: string[]): Promise<StartedProcess> {
    demo = await startProcess({
      name: 'the demo',
      command: 'setsid',
      args: ['npm', 'run', 'demo', '--', '--gateway', ...args],
      env: { TMPDIR: folder },
    });
    return demo;
  }

  const ending = (started: StartedProcess) => waitFor('the demo to end', started.ending, ENOUGH);
  const pressCtrlC = (started: StartedProcess) => process.kill(-started.pid, 'SIGINT');

  function expectNothingLeft(): void {
    expect(readdirSync(folder)).toEqual([]);
    expect(processesIn(folder)).toEqual([]);
  }

  it('shows real answers beside the lines that got them, and ends by itself with --once', async () => {
    const started = await startDemo('--once');
    expect(await ending(started), started.log()).toBe('exit status 0');
    const shown = started.log();
    const answersTo = (line: RegExp) =>
      [...shown.matchAll(/^ {4}(curl|sed) .*\n(?: {4}\|.*\n)*/gm)]
        .map(([block]) => block)
        .filter((block) => line.test(block));
    expect(answersTo(/healthy/).join()).toMatch(/HTTP\/1.1 200 OK[\s\S]*\| amsterdam/);
    expect(answersTo(/curl -sSi -H 'Host: berlin/).map(statusAndBody)).toEqual([
      '503 Tunnel not online',
      '200 berlin',
      '503 Tunnel not online',
      '503 Tunnel not online',
    ]);
    expect(answersTo(/curl .* -p -x/).map((block) => block.match(/HTTP\/1.1 \d+/g))).toEqual([
      ['HTTP/1.1 503'],
      ['HTTP/1.1 200', 'HTTP/1.1 200'],
    ]);
    expect(answersTo(/uniq -c/).map((block) => /\d+ berlin/.test(block))).toEqual([
      false,
      true,
      false,
    ]);
    expect(answersTo(/readyz/).join()).toContain('connectors[0].online');
    expect(shown).toContain('"msg":"state file refused; the last good state stays"');
    expect(shown).toContain('15 expectations, all as expected.');
    const flips = [...shown.matchAll(/after (\d+) ms/g)].map(([, took]) => Number(took));
    expect(flips).toHaveLength(2);
    expect(Math.max(...flips)).toBeLessThan(5_000);
    expectNothingLeft();
  });

  it('stays up for what it says one can try, and leaves nothing behind at Ctrl-C', async () => {
    const started = await startDemo();
    const [toTry] = await started.waitForLog(/All of this stays up[\s\S]*Ctrl-C ends/, 90_000);
    const running = processesIn(folder);
    expect(running).toEqual(expect.arrayContaining(['envoy', 'envoy-gateway', 'node']));

    const lines = toTry.split('\n').filter((line) => line.startsWith('    '));
    const [flip = '', ask = '', ...others] = lines;
    await run('sh', ['-c', flip]);
    await waitFor(
      'berlin to be there',
      async () => (await run('sh', ['-c', ask])).stdout.includes('x-upstream: berlin\r\n'),
      { timeoutMs: 5_000 },
    );
    const printed = await Promise.all(others.map((line) => run('sh', ['-c', line])));
    expect(printed.map(({ stdout }) => stdout)).toEqual([
      expect.stringContaining('offramp_retriggers_total{outcome="ok"}'),
      expect.stringContaining('"msg":"PostTranslateModify"'),
      expect.stringContaining('connector-connect-'),
    ]);

    pressCtrlC(started);
    pressCtrlC(started);
    await ending(started);
    expect(started.log()).toMatch(/Done\.\n$/);
    expectNothingLeft();
  });

  it.each(['Starting upstreams', 'Envoy takes requests'])(
    'leaves nothing behind when it is interrupted after “%s”',
    async (moment) => {
      const started = await startDemo();
      await started.waitForLog(new RegExp(moment), 60_000);
      pressCtrlC(started);
      await ending(started);
      expect(started.log()).toContain('Interrupted.');
      expectNothingLeft();
    },
  );
});

describe('the demo on a real gateway, before it starts one', () => {
  it('refuses an option that it does not have, and is not published', async () => {
    const { status, stdout } = demoWith(process.env, '--unknown');
    expect(stdout).toContain("Unknown option '--unknown'");
    expect(status).toBe(1);
    const packed = await run('npm', ['pack', '--dry-run', '--json']);
    expect(readdirSync('dist')).toContain('gateway-demo.js');
    expect(packed.stdout).toContain('"dist/main.js"');
    expect(packed.stdout).not.toContain('gateway-demo');
  });

  it.each([
    { missing: 'Python', there: [] },
    { missing: 'Go', there: ['envoy'] as const },
  ])('says what to install when $missing is missing', async ({ missing, there }) => {
    const folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-demo-'));
    try {
      const cache = join(folder, 'cache', 'offramp', 'testbed');
      await mkdir(cache, { recursive: true });
      for (const tool of there) {
        const built = dirname(dirname(testbedToolPath(tool)));
        await symlink(built, join(cache, basename(built)));
      }
      const env = { PATH: folder, XDG_CACHE_HOME: join(folder, 'cache') };
      const { status, stdout } = demoWith(env);
      expect(stdout).toMatch(new RegExp(`cannot run .*; install .*${missing}`));
      expect(status).toBe(1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  function demoWith(env: NodeJS.ProcessEnv, ...args: string[]) {
    return spawnSync(process.execPath, ['scripts/demo.mjs', '--gateway', ...args], {
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
  }
});

function statusAndBody(block: string): string {
  const status = /HTTP\/1.1 (\d+)/.exec(block)?.[1];
  return `${status} ${block
    .trimEnd()
    .split('\n')
    .at(-1)
    ?.replace(/^ *\| /, '')}`;
}

/** The names of the programs that were started with this folder for temporary files. */
function processesIn(folder: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => readEnvironment(pid).includes(`TMPDIR=${folder}`))
    .map((pid) => basename(commandLineOf(Number(pid))[0] ?? 'ended'))
    .filter((name) => name !== 'ended');
}

function readEnvironment(pid: string): string[] {
  try {
    return readFileSync(resolve('/proc', pid, 'environ'), 'utf8').split('\0');
  } catch {
    return []; // gone since, or somebody else's
  }
}
