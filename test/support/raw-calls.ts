import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { onTestFinished } from 'vitest';

const path = '/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify';

/** A hook call of which a test says itself when which bytes go. */
export interface RawCall {
  readonly stream: ClientHttp2Stream;
  /** gRPC status and message, once the server says them; a reset is status -1. */
  readonly ended: Promise<{ readonly status: number; readonly message: string }>;
  readonly cancel: () => void;
}

/** An HTTP/2 connection in plain text that is closed when the test is over. */
export function openSession(address: string): ClientHttp2Session {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

/** Begins a call: its headers are sent, nothing of its message. */
export function beginCall(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>> = {},
): RawCall {
  const stream = session.request(
    {
      ...headers,
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    },
    { endStream: false },
  );
  const ended = new Promise<{ status: number; message: string }>((resolve) => {
    const look = (said: object) => {
      const status: unknown = Reflect.get(said, 'grpc-status');
      if (status === undefined) return;
      const message = decodeURIComponent(String(Reflect.get(said, 'grpc-message') ?? ''));
      resolve({ status: Number(status), message });
    };
    stream.on('response', look);
    stream.on('trailers', look);
    stream.on('close', () => resolve({ status: -1, message: `reset ${stream.rstCode}` }));
  });
  stream.on('error', () => undefined).resume();
  return { stream, ended, cancel: () => stream.close(8) };
}

/** A message as gRPC frames it. */
export function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
