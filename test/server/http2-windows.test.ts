import { once } from 'node:events';
import { connect } from 'node:http2';
import { Server } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { eachSession } from '../../src/server/http2-sessions.ts';
import { widenWindows, windowBytes } from '../../src/server/http2-windows.ts';
import { bindGrpcServer } from '../support/bind-grpc-server.ts';
import { startTestServer } from '../support/running-server.ts';

/** What a client may send on a new connection before it has to wait: for one call, and in all. */
async function windowsOf(address: string): Promise<{ call: number; connection: number }> {
  const session = connect(`http://${address}`);
  try {
    await once(session, 'remoteSettings');
    await expect.poll(() => session.remoteSettings.initialWindowSize).toBeGreaterThan(65_535);
    await expect.poll(() => session.state.remoteWindowSize).toBeGreaterThan(65_535);
    const { initialWindowSize: call = 0 } = session.remoteSettings;
    return { call, connection: session.state.remoteWindowSize ?? 0 };
  } finally {
    session.destroy();
  }
}

it('lets a client send a mebibyte ahead, by call and by connection', async () => {
  const { grpcAddress } = await startTestServer({});
  expect(await windowsOf(grpcAddress)).toEqual({ call: windowBytes, connection: windowBytes });
});

it('keeps grpc-js’s own limit of streams, which another settings frame must not reset', async () => {
  const server = new Server({ 'grpc.max_concurrent_streams': 7 });
  eachSession(server, widenWindows);
  const port = await bindGrpcServer(server);
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    await once(session, 'remoteSettings');
    await expect.poll(() => session.remoteSettings.initialWindowSize).toBe(windowBytes);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(7);
  } finally {
    session.destroy();
    server.forceShutdown();
  }
});
