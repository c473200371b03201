import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchText } from './support/envoy-admin.ts';
import { eventsOf } from './support/fallback-kernel/ask.ts';
import { type Send, sendHttp1, sendHttp2 } from './support/fallback-matrix/exchange.ts';
import { type Matrix, newSession, startMatrix } from './support/fallback-matrix/matrix.ts';
import { hostOf } from './support/fallback-matrix/resources.ts';
import { openWebSocket } from './support/fallback-matrix/web-socket.ts';
import { waitFor } from './support/wait-for.ts';

const host = hostOf('vm');
const gone = { 'x-case': 'with a length' };
const REMEMBERED_FOR_MS = 6_000;

describe('a remembered session, behind a real Envoy Gateway whose Envoy has two workers', () => {
  let matrix: Matrix;

  beforeAll(async () => {
    matrix = await startMatrix({
      rememberFor: `${REMEMBERED_FOR_MS / 1_000}s`,
      vms: ['vm', 'other'],
    });
  });
  afterAll(async () => {
    await matrix?.stop();
  });
  beforeEach(() => {
    matrix.vm.take();
    matrix.controlPlane.take();
  });

  /** Once on each listener, over HTTP/1.1 and HTTP/2. */
  const ways = (): ((path: string, method?: string) => ReturnType<Send>)[] => {
    const { fallback, https } = matrix.listeners;
    return [{ port: fallback }, { port: https, ca: matrix.ca }].flatMap((to) =>
      [sendHttp1, sendHttp2].map(
        (send) => (path: string, method?: string) =>
          send({ ...to, host, path, ...(method === undefined ? {} : { method }) }),
      ),
    );
  };
  const loseSession = (session: string, host = hostOf('vm')) =>
    sendHttp1({ port: matrix.listeners.fallback, host, path: eventsOf(session), headers: gone });

  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
  const subresources = ['telemetry/events', 'process?jwt=own&a=1', 'fs/a%20b'];

  it('asks no VM in 40 further requests, of any method, subresource, listener and worker', async () => {
    const session = newSession();
    const before = await workerConnections(matrix.gateway.envoyAdmin);
    await loseSession(session);
    expect([matrix.vm.take().length, matrix.controlPlane.take().length]).toEqual([1, 1]);
    const expected: string[] = [];
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const method = methods[index % methods.length] ?? '';
        const subresource = subresources[index % subresources.length] ?? '';
        expected.push(`${method} /browsers/${session}/${subresource.replace('jwt=own&', '')}`);
        const send = ways()[index % ways().length];
        const answer = await send?.(`/browsers/${session}/${subresource}`, method);
        expect(answer?.body.toString()).toBe('control plane');
      }),
    );
    expect(matrix.vm.take()).toEqual([]);
    const asked = matrix.controlPlane.take().map(({ method, path }) => `${method} ${path}`);
    expect(asked.sort()).toEqual(expected.sort());
    const after = await workerConnections(matrix.gateway.envoyAdmin);
    for (const [worker, count] of after)
      expect(count, worker).toBeGreaterThan(before.get(worker) ?? 0);
    expect(after.size).toBe(2);
  });

  it('is upgraded at the control plane', async () => {
    const session = newSession();
    await loseSession(session);
    matrix.vm.take();
    const to = { port: matrix.listeners.fallback, host, path: `/browsers/${session}/shell` };
    const { status, body } = await openWebSocket(to, {}, Buffer.from('echo'));
    expect([status, body.toString()]).toEqual([101, 'echo']);
    expect([matrix.vm.take().length, matrix.controlPlane.take().length]).toEqual([0, 2]);
  });

  it('leaves every other session, and the same id of another route, with its VM', async () => {
    const session = newSession();
    await loseSession(session);
    matrix.vm.take();
    matrix.controlPlane.take();
    const others = [
      newSession(),
      session.slice(0, -1),
      `${session}0`,
      session.toUpperCase(),
      `${session}%20`,
      `${session};`,
    ];
    const port = matrix.listeners.fallback;
    for (const other of others) {
      const answer = await sendHttp1({ port, host, path: `/browsers/${other}/process` });
      expect(answer.body.toString(), other).toBe('vm');
    }
    const elsewhere = { port, host: hostOf('other'), path: `/browsers/${session}/process` };
    expect((await sendHttp1(elsewhere)).body.toString()).toBe('vm');
    expect(matrix.controlPlane.take()).toEqual([]);
  });

  it('is forgotten when its time ends, and learned anew', async () => {
    const session = newSession();
    const from = Date.now();
    await loseSession(session);
    const path = `/browsers/${session}/process`;
    const port = matrix.listeners.fallback;
    const ask = async () => (await sendHttp1({ port, host, path })).body.toString();
    expect(await ask()).toBe('control plane');
    const isForgotten = async () => (await ask()) === 'vm';
    await waitFor('the session to be forgotten', isForgotten, { timeoutMs: 3 * REMEMBERED_FOR_MS });
    // Envoy counts in whole seconds.
    expect(Date.now() - from).toBeGreaterThan(REMEMBERED_FOR_MS - 1_000);
    expect(Date.now() - from).toBeLessThan(REMEMBERED_FOR_MS + 2_000);
    matrix.vm.take();
    await loseSession(session);
    expect(matrix.vm.take()).toHaveLength(1);
    expect(await ask()).toBe('control plane');
  });

  it('is told from a normal 404 and from a fallback by the access log', async () => {
    const session = newSession();
    const [fallback, normal, remembered] = ['fallback', 'normal', 'remembered'].map(
      (name) => `${name} of ${session}`,
    );
    const port = matrix.listeners.fallback;
    const path = eventsOf(session);
    const send = (agent = '', headers = {}) =>
      sendHttp1({ port, host, path, headers: { ...headers, 'user-agent': agent } });
    await send(normal, { 'x-case': 'another code' });
    await send(fallback, { ...gone, 'x-control-plane': 'teapot' });
    await send(remembered, { 'x-control-plane': 'teapot' });
    const entries = await waitFor(
      'the access log',
      async () => {
        const log = await matrix.accessLog();
        const found = log.filter((entry) => String(entry['user-agent']).endsWith(session));
        return found.length >= 4 && found;
      },
      { timeoutMs: 15_000 },
    );
    const shown = entries.map((entry) => [
      entry['user-agent'],
      entry.response_code,
      entry.response_code_details,
      String(entry.route_name).replace(/.*\//, ''),
      entry.upstream_cluster,
      entry.upstream_host,
    ]);
    const toVm = `127.0.0.1:${matrix.vm.port}`;
    const toControlPlane = `127.0.0.1:${matrix.controlPlane.port}`;
    const [ofVm, ofApi] = ['httproute/default/vm/rule/0', 'httproute/default/api/rule/0'];
    expect(shown).toEqual([
      [normal, 404, 'via_upstream', 'offramp-vm', ofVm, toVm],
      [fallback, 303, 'internal_redirect', 'offramp-replay', ofApi, toVm],
      [fallback, 418, 'via_upstream', 'offramp-replay', ofApi, toControlPlane],
      [remembered, 418, 'via_upstream', 'offramp-remembered', ofApi, toControlPlane],
    ]);
    expect(entries.slice(1).map((entry) => entry['x-envoy-origin-path'])).toEqual([
      '/',
      path,
      path,
    ]);
    const ids = new Set(entries.slice(1, 3).map((entry) => entry['x-request-id']));
    expect(ids.size).toBe(1);
  });

  it('moves the counters of Envoy that an operator alerts on', async () => {
    const before = await readCounters(matrix.gateway.envoyAdmin);
    const port = matrix.listeners.fallback;
    const send = (session: string, more = {}) =>
      sendHttp1({
        port,
        host,
        path: eventsOf(session),
        headers: { ...gone, 'x-control-plane': 'teapot' },
        ...more,
      });
    const session = newSession();
    for (let count = 0; count < 3; count++) await send(session);
    const tooLong = 'x'.repeat(2_000_000);
    const chunked = { ...gone, 'transfer-encoding': 'chunked' };
    await send(newSession(), { body: tooLong, headers: chunked });
    const moved = async () => {
      const after = await readCounters(matrix.gateway.envoyAdmin);
      const by = after.map((count, index) => count - (before[index] ?? 0));
      return by.at(-1) === 2 && by;
    };
    expect(await waitFor('the counters', moved, { timeoutMs: 8_000 })).toEqual([1, 1, 1, 2]);
  });
});

/** Fallbacks, those that could not be, what was said to replays, and to remembered sessions. */
async function readCounters(admin: string): Promise<number[]> {
  const text = await fetchText(admin, '/stats?usedonly');
  const sum = (pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
  return [
    sum(
      /^cluster\.httproute\/default\/vm\/.*\.upstream_internal_redirect_succeeded_total: (\d+)/gm,
    ),
    sum(/^cluster\.httproute\/default\/vm\/.*\.upstream_internal_redirect_failed_total: (\d+)/gm),
    sum(/^vhost\..*\/vm_example_com\.route\.offramp-replay\.upstream_rq_418: (\d+)/gm),
    sum(/^vhost\..*\/vm_example_com\.route\.offramp-remembered\.upstream_rq_418: (\d+)/gm),
  ];
}

/** How many connections each worker of the HTTP listeners has taken. */
async function workerConnections(admin: string): Promise<ReadonlyMap<string, number>> {
  const stats = await fetchText(admin, '/stats?filter=listener.*worker_.*downstream_cx_total');
  const counts = new Map<string, number>();
  for (const [, worker = '', count] of stats.matchAll(
    /(worker_\d+)\.downstream_cx_total: (\d+)/g,
  )) {
    counts.set(worker, (counts.get(worker) ?? 0) + Number(count));
  }
  return counts;
}
