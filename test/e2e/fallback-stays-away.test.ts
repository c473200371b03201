import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventsOf } from './support/fallback-kernel/ask.ts';
import {
  comparable,
  type Exchange,
  type Send,
  type Sent,
  sendHttp1,
  sendHttp2,
  valuesOf,
  withoutTimes,
} from './support/fallback-matrix/exchange.ts';
import { type Matrix, newSession, startMatrix } from './support/fallback-matrix/matrix.ts';
import { hostOf } from './support/fallback-matrix/resources.ts';
import { LARGE } from './support/fallback-matrix/servers.ts';
import { HELD_BACK, otherAnswers } from './support/fallback-matrix/vm-answers.ts';
import { openWebSocket } from './support/fallback-matrix/web-socket.ts';

const gone = { 'x-case': 'with a length' };

type Question = Omit<Sent, 'port' | 'host' | 'ca'> & { readonly to?: string };

/** The same question, asked where the fallback is on and where it is not. */
interface Pair {
  readonly answer: Exchange;
  readonly plain: Exchange;
}

describe('the answer of a VM, behind a real Envoy Gateway', () => {
  let matrix: Matrix;

  beforeAll(async () => {
    matrix = await startMatrix({ overHttp2: ['trailing'], refusing: ['refusing'] });
  });
  afterAll(async () => {
    await matrix?.stop();
  });
  beforeEach(() => {
    matrix.vm.take();
    matrix.controlPlane.take();
  });

  const overTls =
    (send: Send) =>
    async (question: Question): Promise<Pair> => {
      const { https, plainHttps } = matrix.listeners;
      const { to = 'vm', ...rest } = question;
      const sent = { host: hostOf(to), ca: matrix.ca, ...rest };
      return {
        plain: await send({ ...sent, port: plainHttps }),
        answer: await send({ ...sent, port: https }),
      };
    };
  const plainly =
    (send: Send) =>
    async (question: Question): Promise<Pair> => {
      const { fallback, plain } = matrix.listeners;
      const { to = 'vm', ...rest } = question;
      const sent = { host: hostOf(to), ...rest };
      return {
        plain: await send({ ...sent, port: plain }),
        answer: await send({ ...sent, port: fallback }),
      };
    };
  const transports = {
    'HTTP/1.1': plainly(sendHttp1),
    'HTTP/2': plainly(sendHttp2),
    'HTTP/1.1 over TLS': overTls(sendHttp1),
    'HTTP/2 over TLS': overTls(sendHttp2),
  };
  const ask = transports['HTTP/1.1'];

  /** Both the same to the client, and to the VM. */
  const expectUntouched = ({ answer, plain }: Pair, calls = 2) => {
    expect(withoutTimes(answer)).toEqual(withoutTimes(plain));
    const asked = matrix.vm.take().map(comparable);
    expect(asked).toHaveLength(calls);
    expect(asked.slice(calls / 2)).toEqual(asked.slice(0, calls / 2));
    expect(matrix.controlPlane.take()).toEqual([]);
  };

  describe.each(Object.entries(transports))('over %s', (_, send) => {
    it.each(Object.keys(otherAnswers))('passes to the byte: %s', async (name) => {
      const path = `${eventsOf(newSession())}?a=%2F&jwt=own`;
      expectUntouched(await send({ path, headers: { 'x-case': name } }));
    });

    it('passes to the byte: 50 MB', async () => {
      const pair = await send({ path: eventsOf(newSession()), headers: { 'x-case': 'large' } });
      expect(pair.answer.body.equals(LARGE.vm)).toBe(true);
      expectUntouched(pair);
    });

    it('passes when it is sent: events', async () => {
      const onBody = (body: Buffer) => {
        if (body.toString() === 'data: 1\n\n') matrix.vm.sendNextEvent();
      };
      const headers = { 'x-case': 'events' };
      const pair = await send({ path: eventsOf(newSession()), headers, onBody });
      expect(pair.answer.body.toString()).toBe('data: 1\n\ndata: 2\n\n');
      expectUntouched(pair);
    });

    it.each(['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
      'passes, although the session is gone: %s',
      async (method) => {
        const pair = await send({ path: eventsOf(newSession()), method, headers: gone });
        expect(pair.answer.status).toBe(404);
        expectUntouched(pair);
      },
    );

    it.each([
      ['another subresource', (session: string) => `/browsers/${session}/process/events`],
      ['something behind it', (session: string) => `${eventsOf(session)}/1`],
      ['a slash behind it', (session: string) => `${eventsOf(session)}/`],
      [
        'something before the session',
        (session: string) => `/browsers/a/${session}/telemetry/events`,
      ],
      ['the path as a query', (session: string) => `/browsers/${session}/x?${eventsOf(session)}`],
      ['other capitals', (session: string) => `/browsers/${session}/Telemetry/events`],
      ['the session itself', (session: string) => `/browsers/${session}`],
    ])('passes, for a path that is not registered: %s', async (_, pathOf) => {
      const pair = await send({ path: pathOf(newSession()), headers: gone });
      expect(pair.answer.status).toBe(404);
      expectUntouched(pair);
    });

    it('is Envoy’s, as without the fallback, when a VM refuses connections', async () => {
      const pair = await send({ to: 'refusing', path: eventsOf(newSession()) });
      expect(pair.answer.status).toBe(503);
      expectUntouched(pair, 0);
    });

    it('is 502 when a JSON 404 was cut off, because its headers are still held back', async () => {
      for (const name of ['cut off', 'cut off, without a length']) {
        const { plain, answer } = await send({
          path: eventsOf(newSession()),
          headers: { 'x-case': name },
        });
        expect([plain.status, plain.ending]).toEqual([404, 'cut off']);
        expect([answer.status, answer.ending]).toEqual([502, 'complete']);
      }
      expect(matrix.controlPlane.take()).toEqual([]);
    });

    it('is 500 when a JSON 404 without a length is longer than what may be held back', async () => {
      const headers = { 'x-case': 'longer than is held back, without a length' };
      const { plain, answer } = await send({ path: eventsOf(newSession()), headers });
      expect([plain.status, plain.body.length]).toEqual([404, 2 * HELD_BACK]);
      expect([answer.status, answer.ending]).toEqual([500, 'complete']);
      expect(matrix.controlPlane.take()).toEqual([]);
    });
  });

  it('echoes a WebSocket, or refuses it as without the fallback', async () => {
    const { fallback, plain } = matrix.listeners;
    const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, index) => index & 255));
    for (const [headers, status] of [
      [{}, 101],
      [{ 'x-case': 'gone' }, 404],
    ] as const) {
      const to = { host: hostOf('vm'), path: eventsOf(newSession()) };
      const expected = await openWebSocket({ ...to, port: plain }, headers, bytes);
      const upgraded = await openWebSocket({ ...to, port: fallback }, headers, bytes);
      expect(upgraded.status).toBe(status);
      expectUntouched({ answer: upgraded, plain: expected });
      if (status === 101) expect(upgraded.body.equals(bytes)).toBe(true);
    }
  });

  it('keeps its trailers', async () => {
    const sent = { to: 'trailing', path: eventsOf(newSession()) };
    const pair = await transports['HTTP/2'](sent);
    expect(pair.answer.trailers).toEqual(['x-trailer: kept']);
    expectUntouched(pair, 0);
    const { answer, plain } = await transports['HTTP/2']({
      ...sent,
      path: `${sent.path}?trailing=gone`,
    });
    expect([plain.status, answer.body.toString()]).toEqual([404, 'control plane']);
  });

  it('passes on a route that is not opted in', async () => {
    const { plain } = matrix.listeners;
    const path = eventsOf(newSession());
    const answer = await sendHttp1({ host: hostOf('vm'), port: plain, path, headers: gone });
    expect(valuesOf(answer, 'content-type')).toEqual(['application/json']);
    expect(answer.status).toBe(404);
    expect([matrix.vm.take().length, matrix.controlPlane.take()]).toEqual([1, []]);
  });

  it('passes when the request’s own body is longer than Envoy may keep', async () => {
    const headers = { ...gone, 'transfer-encoding': 'chunked' };
    const pair = await ask({
      path: eventsOf(newSession()),
      headers,
      body: 'x'.repeat(2 * HELD_BACK),
    });
    expect(pair.answer.status).toBe(404);
    expectUntouched(pair);
  });
});
