import type { ServerHttp2Session } from 'node:http2';

/**
 * Bytes that a client may send ahead of what was read. With the protocol's own 64 KiB a snapshot waits
 * for window updates a hundred times; windows above 1 MiB were not measurably faster.
 */
export const windowBytes = 1024 * 1024;

/**
 * Grants these windows, for the connection and each of its calls. grpc-js reads its option for this
 * (`grpc-node.flow_control_window`) on clients only.
 */
export function widenWindows(session: ServerHttp2Session): void {
  session.settings({ initialWindowSize: windowBytes });
  session.setLocalWindowSize(windowBytes);
}
