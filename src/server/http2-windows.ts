import type { ServerHttp2Session } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

/**
 * Bytes that a client may send ahead of what was read. With the protocol's own 64 KiB a snapshot waits
 * for window updates a hundred times; windows above 1 MiB were not measurably faster.
 */
export const windowBytes = 1024 * 1024;

const maker = 'createHttp2Server';

/**
 * Has a gRPC server grant these windows, for each connection and each call. grpc-js reads its option
 * for this (`grpc-node.flow_control_window`) on clients only and keeps its HTTP/2 servers to itself;
 * a release of it that makes them otherwise serves with small windows, and fails a test here.
 */
export function widenWindows(server: Server): void {
  const make: unknown = Reflect.get(server, maker);
  if (typeof make !== 'function') return;
  Reflect.set(server, maker, (...args: readonly unknown[]) => {
    const http2Server = make.apply(server, args);
    http2Server.on('session', (session: ServerHttp2Session) => {
      session.settings({ initialWindowSize: windowBytes });
      session.setLocalWindowSize(windowBytes);
    });
    return http2Server;
  });
}
