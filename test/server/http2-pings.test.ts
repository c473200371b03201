import { once } from 'node:events';
import { connect as connectHttp2, createServer, type Http2Server } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { Metrics } from '../../src/observe/metrics.ts';
import { limitPatience } from '../../src/server/http2-sessions.ts';
import { Refusals } from '../../src/server/refusals.ts';
import { type LogLine, logSink } from '../support/running-server.ts';

const ping = 200;

async function startServer(log: LogLine[]): Promise<number> {
  const refusals = new Refusals('grpc', new Metrics('offramp').server, pino(logSink(log)));
  const server: Http2Server = createServer();
  server.on('session', (session) => {
    limitPatience(session, { handshake: 60_000, call: 60_000, ping }, refusals);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

it('closes a connection that answers no PING', async () => {
  const log: LogLine[] = [];
  const socket = connect(await startServer(log), '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  await once(socket, 'close');
  expect(log).toEqual([expect.objectContaining({ reason: 'no-answer', port: 'grpc' })]);
});

it('keeps one that does, for as long as it makes no call', async () => {
  const log: LogLine[] = [];
  const session = connectHttp2(`http://127.0.0.1:${await startServer(log)}`);
  onTestFinished(() => session.destroy());
  let pings = 0;
  session.on('ping', () => pings++);
  await expect.poll(() => pings, { timeout: 10_000 }).toBeGreaterThan(4);
  await sleep(ping);
  expect(session.destroyed).toBe(false);
  expect(log).toEqual([]);
});
