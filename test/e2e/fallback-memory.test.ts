import { readdir, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchText } from './support/envoy-admin.ts';
import { type Answer, ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type Kernel, startKernel } from './support/fallback-kernel/envoy.ts';
import {
  type RecordingServer,
  startControlPlane,
  startVm,
} from './support/fallback-kernel/servers.ts';

let vm: RecordingServer;
let controlPlane: RecordingServer;
let kernel: Kernel;

beforeAll(async () => {
  vm = await startVm();
  controlPlane = await startControlPlane();
  kernel = await startKernel({ vm: vm.port, controlPlane: controlPlane.port });
});

afterAll(async () => {
  await kernel?.stop();
  await vm?.stop();
  await controlPlane?.stop();
});

beforeEach(() => {
  vm.take();
  controlPlane.take();
});

function fallBack(session: string, agent?: http.Agent, port = kernel.ports[0]): Promise<Answer> {
  const question = { path: eventsOf(session), headers: { 'x-case': 'gone' } };
  return ask(port, agent === undefined ? question : { ...question, agent });
}

function sessionIds(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

async function fallBackAll(ids: string[]): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const next = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      await fallBack(id, agent);
      if (ids.length % 1_000 > 0) continue;
      vm.take();
      controlPlane.take();
    }
  };
  await Promise.all(Array.from({ length: 16 }, next));
  agent.destroy();
}

async function sizeOfEnvoy() {
  const admin = `http://127.0.0.1:${kernel.admin}`;
  const allocated = Number(/"allocated": "(\d+)"/.exec(await fetchText(admin, '/memory'))?.[1]);
  const statistics = (await fetchText(admin, '/stats'))
    .split('\n')
    .map((line) => line.split(': ')[0]);
  return { allocated, statistics, text: `${allocated} bytes, ${statistics.length} statistics` };
}

async function whoServes(session: string, port = kernel.ports[0]): Promise<unknown> {
  const { headers } = await ask(port, { path: `/browsers/${session}/x`, method: 'POST' });
  return headers['x-from'];
}

/** Ids that share a bucket, found with the sum of memory.lua. */
function sameBucketAs(first: string, count: number): string[] {
  const name = first.replace(/\d+$/, '');
  const bucketOf = (id: string): number =>
    [...`default/vm ${id}`].reduce(
      (hash, character) => (hash * 12_345_701 + character.charCodeAt(0)) % 16_777_213,
      0,
    ) % 1021;
  const found = [first];
  for (let index = 1; found.length < count; index += 1) {
    if (bucketOf(`${name}${index}`) === bucketOf(first)) found.push(`${name}${index}`);
  }
  return found;
}

it('sends all further requests of a session to the control plane, on every worker and listener', async () => {
  await fallBack('everywhere');
  expect(vm.take()).toHaveLength(1);
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'REPORT'];
  const paths = ['', '/', '/telemetry/events?a=1', '/x/y', '?a=1'];
  for (const port of kernel.ports.slice(0, 2)) {
    for (const [index, path] of [...paths, ...paths, ...paths, ...paths].entries()) {
      const method = methods[index % methods.length] ?? 'GET';
      const answer = await ask(port, { path: `/browsers/everywhere${path}`, method });
      expect(answer.headers['x-from']).toBe('control-plane');
    }
  }
  expect(vm.take()).toEqual([]);
  const statistics = await fetchText(`http://127.0.0.1:${kernel.admin}`, '/stats?filter=worker_');
  for (const port of kernel.ports.slice(0, 2)) {
    for (const worker of ['worker_0', 'worker_1']) {
      const total = new RegExp(`_${port}\\.${worker}\\.downstream_cx_total: [1-9]`);
      expect(statistics).toMatch(total);
    }
  }
});

it('also sends a WebSocket of the session there', async () => {
  await fallBack('upgrading');
  vm.take();
  const headers = { connection: 'upgrade', upgrade: 'websocket' };
  const answer = await ask(kernel.ports[0], { path: '/browsers/upgrading/ws', headers });
  expect(answer.status).toBe(101);
  expect(vm.take()).toEqual([]);
});

it('ignores the fallback on a connection from before it', async () => {
  await fallBack('before');
  expect(await whoServes('before', kernel.ports[2])).toBe('vm');
});

it('does not take a part of the path template for a session', async () => {
  await ask(kernel.ports[0], { path: '/browsers/telemetry/events', headers: { 'x-case': 'gone' } });
  await ask(kernel.ports[0], { path: '/browsers//events', headers: { 'x-case': 'gone' } });
  expect(controlPlane.take()).toEqual([]);
});

describe('sessions whose ids are alike', () => {
  const alike = sameBucketAs('busy-0', 40);

  it.each([
    ['one', ['one1', '1one', 'on', 'One', 'one%20', 'one%0A', 'one.', 'one;x']],
    ['a%0A9999999999%20default/vm%20b', ['b', 'a']],
    ['busy-0', alike.slice(1)],
  ])('stay apart: %s', async (gone, others) => {
    await fallBack(gone);
    for (const other of others) expect([other, await whoServes(other)]).toEqual([other, 'vm']);
  });

  it('stay apart while both workers write and read their bucket', async () => {
    const gone = alike.slice(0, 16);
    const live = alike.slice(16);
    for (let round = 0; round < 12; round += 1) {
      const written = gone.map((session) => fallBack(session));
      const read = live.map((session) => whoServes(session));
      await Promise.all(written);
      expect(await Promise.all(read)).toEqual(live.map(() => 'vm'));
    }
    for (const session of gone) await fallBack(session);
    const files = await readdir(kernel.folder);
    const texts = await Promise.all(
      files.map((file) => readFile(join(kernel.folder, file), 'utf8')),
    );
    expect(texts.filter((text) => text.includes(' busy-')).length).toBe(1);
    expect(await Promise.all(gone.map((session) => whoServes(session)))).toEqual(
      gone.map(() => 'control-plane'),
    );
  });

  it('stay remembered while others of their bucket are written', async () => {
    const [first = '', ...others] = sameBucketAs('kept-0', 12);
    await fallBack(first);
    for (let round = 0; round < 12; round += 1) {
      const written = others.map((session) => fallBack(session));
      const read = others.map(() => whoServes(first));
      await Promise.all(written);
      expect(await Promise.all(read)).toEqual(others.map(() => 'control-plane'));
    }
  });
});

describe('with a time-to-live of two seconds', () => {
  let short: Kernel;
  beforeAll(async () => {
    short = await startKernel({ vm: vm.port, controlPlane: controlPlane.port }, { ttl: 2 });
  });
  afterAll(() => short?.stop());

  it('forgets a session after them, however much it was asked for meanwhile', async () => {
    const started = Date.now();
    await fallBack('brief', undefined, short.ports[0]);
    expect(await whoServes('brief', short.ports[0])).toBe('control-plane');
    let server: unknown;
    do {
      await sleep(100);
      server = await whoServes('brief', short.ports[0]);
    } while (server === 'control-plane' && Date.now() - started < 5_000);
    expect(Date.now() - started).toBeLessThan(2_500);
    expect(server).toBe('vm');
  });
});

describe('the files of the memory', () => {
  it('are not more, and Envoy is not bigger, with 100,000 sessions', async () => {
    await fallBackAll(sessionIds('first', 20_000));
    const before = await sizeOfEnvoy();
    await fallBackAll(sessionIds('more', 80_000));
    const after = await sizeOfEnvoy();
    console.log(`Envoy after 20,000 sessions: ${before.text}; after 100,000: ${after.text}`);
    expect(after.statistics).toEqual(before.statistics);
    expect(after.allocated).toBeLessThan(before.allocated * 1.2);
    const files = await readdir(kernel.folder);
    expect(files.filter((file) => !/^offramp-\d+$/.test(file))).toEqual([]);
    expect(files.length).toBeGreaterThan(900);
    expect(files.length).toBeLessThanOrEqual(1021);
    const lines = await Promise.all(
      files.map(async (file) => {
        const text = await readFile(join(kernel.folder, file), 'utf8');
        return text.split('\n').length - 1;
      }),
    );
    expect(Math.max(...lines)).toBeLessThanOrEqual(16);
  }, 400_000);

  it('hold 16 sessions each, the last ones', async () => {
    const ids = sameBucketAs('busy-0', 60).slice(40);
    for (const id of ids) await fallBack(id);
    const remembered = await Promise.all(ids.map((id) => whoServes(id)));
    expect(remembered).toEqual([...Array(4).fill('vm'), ...Array(16).fill('control-plane')]);
  });

  it('may be damaged: nothing is remembered then, and the next fallback mends them', async () => {
    await fallBack('damaged');
    const line = / default\/vm damaged\n/;
    for (const file of await readdir(kernel.folder)) {
      const name = join(kernel.folder, file);
      const text = await readFile(name, 'utf8');
      if (line.test(text)) await writeFile(name, text.replace(line, ' default/vm damaged'));
    }
    expect(await whoServes('damaged')).toBe('vm');
    await fallBack('damaged');
    expect(await whoServes('damaged')).toBe('control-plane');
  });

  it('do not hold an id of more than 128 bytes, which falls back each time', async () => {
    const longest = 'x'.repeat(128);
    for (const session of [longest, `${longest}x`]) {
      expect((await fallBack(session)).headers['x-from']).toBe('control-plane');
    }
    expect(await whoServes(longest)).toBe('control-plane');
    expect(await whoServes(`${longest}x`)).toBe('vm');
  });

  it('may be impossible to write: sessions fall back, and the log says so', async () => {
    const servers = { vm: vm.port, controlPlane: controlPlane.port };
    const forgetful = await startKernel(servers, { folder: '/nowhere/at/all' });
    try {
      const answer = await fallBack('forgotten', undefined, forgetful.ports[0]);
      expect(answer.headers['x-from']).toBe('control-plane');
      expect(await whoServes('forgotten', forgetful.ports[0])).toBe('vm');
      expect(forgetful.log()).toContain('offramp: cannot write to /nowhere/at/all');
    } finally {
      await forgetful.stop();
    }
  });
});
