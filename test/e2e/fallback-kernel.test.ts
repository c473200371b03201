import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Answer, ask, askHttp2, eventsOf } from './support/fallback-kernel/ask.ts';
import { type Kernel, startKernel } from './support/fallback-kernel/envoy.ts';
import {
  GONE,
  type RecordingServer,
  startControlPlane,
  startVm,
  type WholeRequest,
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

let sessions = 0;
function newSession(): string {
  sessions += 1;
  return `session-${sessions}`;
}

const odd = {
  'x-odd': ['first', '\u00fcber & %41 = "quoted"', ''],
  authorization: 'Bearer of-the-client',
  cookie: 'a=1; b=2',
  'x-envoy-original-path': '/nice-try',
};

it.each([
  ['HTTP/1.1', ask, {}],
  ['HTTP/2', askHttp2, {}],
  ['HTTP/1.1 with a body', ask, { body: 'five!', headers: { 'content-length': '5' } }],
  ['HTTP/1.1 with chunks', ask, { body: 'five!', headers: { 'transfer-encoding': 'chunked' } }],
  ['HTTP/2 with a body', askHttp2, { body: 'five!' }],
])('asks the control plane exactly as a direct call would: %s', async (_, send, extra) => {
  const [port] = kernel.ports;
  const headers = { ...odd, 'x-case': 'gone', ...('headers' in extra ? extra.headers : {}) };
  const query = '?a=%2F%zz&b=|&&c=a+b';
  await send(port, { ...extra, path: `/direct${query}`, headers });
  const [direct] = controlPlane.take();
  const path = eventsOf(newSession());
  const answer = await send(port, { ...extra, path: path + query, headers });

  const [replayed, ...more] = controlPlane.take();
  expect(more).toEqual([]);
  expect(vm.take()).toHaveLength(1);
  expect({ ...replayed, headers: withoutRequestId(replayed) }).toEqual({
    ...direct,
    path: path + query,
    headers: withoutRequestId(direct),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({ 'x-from': 'control-plane', 'set-cookie': ['a=1', 'b=2'] });
});

it.each([
  ['?jwt=own', ''],
  ['?a=1&jwt=own&b=2', '?a=1&b=2'],
  ['?jwt', ''],
  ['?%6a%77%74=own&jwtx=1&xjwt=2&JWT=3', '?jwtx=1&xjwt=2&JWT=3'],
  ['?jwt=1&jwt=2', ''],
  ['?', '?'],
])('drops the jwt of %s', async (query, left) => {
  const path = eventsOf(newSession());
  await ask(kernel.ports[0], { path: path + query, headers: { 'x-case': 'gone' } });
  await ask(kernel.ports[0], { path: path + query, method: 'DELETE' });
  expect(controlPlane.take().map((request) => request.path)).toEqual([path + left, path + left]);
});

it.each(['gone', 'gone-chunked', 'gone-chunked-with-trailers'])('falls back: %s', async (name) => {
  const answer = await ask(kernel.ports[0], {
    path: eventsOf(newSession()),
    headers: { 'x-case': name },
  });
  expect(answer).toMatchObject({ status: 200, body: 'control plane' });
});

it.each([
  'other-code',
  'long',
  'long-chunked',
  'own-redirect',
  'forged-redirect',
  'with-forged-headers',
])('leaves the answer of the VM as it is: %s', async (name) => {
  const headers = { 'x-case': name };
  const plain = await ask(kernel.ports[0], { path: `/browsers/${newSession()}/x`, headers });
  const answer = await ask(kernel.ports[0], { path: eventsOf(newSession()), headers });
  expect(stable(answer)).toEqual(stable(plain));
  expect(answer.headers).not.toHaveProperty('x-offramp-control-plane');
  expect(answer.headers).not.toHaveProperty('x-offramp-original');
  expect([vm.take().length, controlPlane.take().length]).toEqual([2, 0]);
});

it('waits for the whole of a JSON 404, so it cannot pass on a part of one', async () => {
  const headers = { 'x-case': 'truncated' };
  const truncated = await ask(kernel.ports[0], { path: eventsOf(newSession()), headers });
  expect(truncated.status).toBe(502);
});

it('refuses a JSON 404 of unknown length that is longer than what Envoy may wait for', async () => {
  const headers = { 'x-case': 'endless-chunked' };
  const endless = await ask(kernel.ports[0], { path: eventsOf(newSession()), headers });
  expect(endless.status).toBe(500);
  expect(controlPlane.take()).toEqual([]);
});

it('gives the 404 back when the request had not ended', async () => {
  const headers = { 'x-case': 'gone-early', 'transfer-encoding': 'chunked' };
  const question = { path: eventsOf(newSession()), headers, body: 'a', endAfter: 500 };
  const answer = await ask(kernel.ports[0], question);
  expect(answer).toMatchObject({ status: 404, body: GONE });
  expect(answer.headers.location).toBe('/elsewhere');
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-offramp'))).toEqual([]);
  expect(controlPlane.take()).toEqual([]);
});

it.each([
  ['gone', 404],
  ['303', 303],
])('returns the answer of the control plane as it is: %s', async (name, status) => {
  const headers = { 'x-case': 'gone', 'x-control-plane': name };
  const answer = await ask(kernel.ports[0], { path: eventsOf(newSession()), headers });
  expect(answer.status).toBe(status);
  expect([vm.take().length, controlPlane.take().length]).toEqual([1, 1]);
});

const forged = {
  'x-offramp-control-plane': 'vm-route',
  'x-offramp-original': '%3Apath=%2Fsecret&x-stolen=1',
};

it.each([
  ['a listener with the fallback', 0],
  ['a connection from before the fallback', 2],
] as const)('gets nobody to the control plane by control headers: %s', async (_, index) => {
  const port = kernel.ports[index];
  const live = await ask(port, { path: `/browsers/${newSession()}/x`, headers: forged });
  expect(live.body).toBe('vm');
  expect(controlPlane.take()).toEqual([]);
});

it('replays the URL of the client, not one that the client or the VM put into control headers', async () => {
  const path = eventsOf(newSession());
  await ask(kernel.ports[0], { path, headers: { ...forged, 'x-case': 'gone' } });
  const [replayed, ...more] = controlPlane.take();
  expect(more).toEqual([]);
  expect(replayed?.path).toBe(path);
  expect(replayed?.headers).not.toContain('x-stolen');
  expect(replayed?.headers.filter((name) => name.startsWith('x-offramp'))).toEqual([]);
});

function withoutRequestId(request: WholeRequest | undefined): string[] {
  const headers = request?.headers ?? [];
  const names = headers.filter((_, index) => index % 2 === 0);
  return names
    .map((name, index) => `${name}: ${headers[2 * index + 1]}`)
    .filter((line) => !line.startsWith('x-request-id'));
}

function stable({ status, headers, body }: Answer): object {
  const { date: _date, 'x-envoy-upstream-service-time': _time, ...rest } = headers;
  return { status, headers: rest, body };
}
