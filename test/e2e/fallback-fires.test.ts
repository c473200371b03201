import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventsOf } from './support/fallback-kernel/ask.ts';
import {
  comparable,
  linesOf,
  type Send,
  type Sent,
  sendHttp1,
  sendHttp2,
  valuesOf,
  withoutTimes,
} from './support/fallback-matrix/exchange.ts';
import { type Matrix, newSession, startMatrix } from './support/fallback-matrix/matrix.ts';
import { hostOf } from './support/fallback-matrix/resources.ts';
import { BINARY, LARGE } from './support/fallback-matrix/servers.ts';
import { goneAnswers } from './support/fallback-matrix/vm-answers.ts';

const host = hostOf('vm');
const gone = { 'x-case': 'with a length' };

describe('a session that is gone, behind a real Envoy Gateway', () => {
  let matrix: Matrix;

  beforeAll(async () => {
    matrix = await startMatrix();
  });
  afterAll(async () => {
    await matrix?.stop();
  });
  beforeEach(() => {
    matrix.vm.take();
    matrix.controlPlane.take();
  });

  type Question = Omit<Sent, 'port' | 'host' | 'ca'>;
  type To = 'fallback' | 'direct';
  const plainly =
    (send: Send) =>
    (sent: Question, to: To = 'fallback') =>
      send({ host, port: matrix.listeners[to], ...sent });
  const overTls =
    (send: Send) =>
    (sent: Question, to: To = 'fallback') => {
      const { https, directHttps } = matrix.listeners;
      return send({ host, port: to === 'direct' ? directHttps : https, ca: matrix.ca, ...sent });
    };
  const transports = {
    'HTTP/1.1': plainly(sendHttp1),
    'HTTP/2': plainly(sendHttp2),
    'HTTP/1.1 over TLS': overTls(sendHttp1),
    'HTTP/2 over TLS': overTls(sendHttp2),
  };
  const ask = transports['HTTP/1.1'];

  it.each(Object.keys(goneAnswers))('is one when the VM says so %s', async (name) => {
    const answer = await ask({ path: eventsOf(newSession()), headers: { 'x-case': name } });
    expect([matrix.vm.take().length, matrix.controlPlane.take().length]).toEqual([1, 1]);
    expect(answer.body.toString()).toBe('control plane');
  });

  it.each([
    ...Object.entries(transports).map(([name, send]) => [name, send, {}] as const),
    ['HTTP/1.1 with a body', ask, { body: 'five!', headers: { 'content-length': '5' } }],
    ['HTTP/1.1 with chunks', ask, { body: 'five!', headers: { 'transfer-encoding': 'chunked' } }],
    ['HTTP/2 with a body', transports['HTTP/2'], { body: 'five!' }],
  ] as const)('reaches the control plane as the client asked: %s', async (_, send, extra) => {
    const query = '?a=%2F%zz&b=|&&c=a+b';
    const headers = {
      ...gone,
      authorization: 'Bearer of-the-client',
      cookie: 'a=1; b=2',
      'x-odd': '\u00fcber & %41 = "quoted"',
      'x-empty': '',
      'x-not-for-the-vm': 'kept',
      ...('headers' in extra ? extra.headers : {}),
    };
    const path = eventsOf(newSession());
    const expected = await send({ path: path + query, ...extra, headers }, 'direct');
    const [asExpected] = matrix.controlPlane.take();

    const sent = await send({ path: `${path}${query}&jwt=of-the-client`, ...extra, headers });
    const [inTheVm, ...moreInTheVm] = matrix.vm.take();
    const [replayed, ...more] = matrix.controlPlane.take();
    expect([moreInTheVm, more]).toEqual([[], []]);
    expect(inTheVm?.path).toMatch(/^\/in-the-vm\/.*&jwt=of-the-client&jwt=of-the-vm$/);
    expect(linesOf(inTheVm?.headers ?? [])).toContain('authorization: Bearer of-the-vm');
    expect(replayed && comparable(replayed)).toEqual(asExpected && comparable(asExpected));
    expect(withoutTimes(sent)).toEqual(withoutTimes(expected));
  });

  it('needs no credentials where the route asks for none', async () => {
    await ask({ path: eventsOf(newSession()), headers: gone });
    const [replayed] = matrix.controlPlane.take();
    expect(linesOf(replayed?.headers ?? []).filter((line) => /^authorization/i.test(line))).toEqual(
      [],
    );
  });

  it.each([
    ['?jwt=own', ''],
    ['?a=1&jwt=own&b=2', '?a=1&b=2'],
    ['?%6a%77%74=own&jwtx=1&xjwt=2&JWT=3', '?jwtx=1&xjwt=2&JWT=3'],
    ['?jwt=1&jwt=2', ''],
    ['?', '?'],
  ])('loses the jwt that the client put into %s', async (query, left) => {
    const path = eventsOf(newSession());
    await ask({ path: path + query, headers: gone });
    await ask({ path: path + query, method: 'DELETE' });
    const asked = matrix.controlPlane.take().map((request) => request.path);
    expect(asked).toEqual([path + left, path + left]);
    expect(matrix.vm.take()).toHaveLength(1);
  });

  it.each(['none', 'binary', 'gzip', 'empty', 'redirect', 'unavailable', 'teapot', 'gone'])(
    'gets what the control plane says, to the byte and once: %s',
    async (name) => {
      for (const send of Object.values(transports)) {
        const sent = {
          path: eventsOf(newSession()),
          headers: { ...gone, 'x-control-plane': name },
        };
        const expected = await send(sent, 'direct');
        matrix.controlPlane.take();
        const answer = await send(sent);
        expect(withoutTimes(answer)).toEqual(withoutTimes(expected));
        expect([matrix.vm.take().length, matrix.controlPlane.take().length]).toEqual([1, 1]);
        if (name === 'binary') expect(answer.body.equals(BINARY)).toBe(true);
        if (name === 'none') expect(valuesOf(answer, 'set-cookie')).toHaveLength(3);
      }
    },
  );

  it.each(Object.entries(transports))('gets 60 MB of the control plane: %s', async (_, send) => {
    const headers = { ...gone, 'x-control-plane': 'large' };
    const { status, body, ending } = await send({ path: eventsOf(newSession()), headers });
    expect([status, body.length, ending]).toEqual([200, LARGE.controlPlane.length, 'complete']);
    expect(body.equals(LARGE.controlPlane)).toBe(true);
  });

  it.each(Object.entries(transports))('gets events when they are sent: %s', async (_, send) => {
    const seen: string[] = [];
    const onBody = (body: Buffer) => {
      seen.push(body.toString());
      if (body.toString() === 'data: 1\n\n') matrix.controlPlane.sendNextEvent();
    };
    const headers = { ...gone, 'x-control-plane': 'events' };
    const answer = await send({ path: eventsOf(newSession()), headers, onBody });
    expect(seen).toEqual(['data: 1\n\n', 'data: 1\n\ndata: 2\n\n']);
    expect(valuesOf(answer, 'content-type')).toEqual(['text/event-stream']);
  });
});
