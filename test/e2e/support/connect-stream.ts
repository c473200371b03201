import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';

/** A CONNECT through Envoy to `host`, which need not resolve, at port 443. */
export interface ConnectRequest {
  readonly port: number;
  readonly host: string;
  /** Sends it over TLS and trusts this certificate (PEM). */
  readonly ca?: string;
}

/** The answer to a CONNECT. After a 200 the stream carries the tunnel's bytes, both ways. */
export interface ConnectAnswer {
  readonly status: number;
  /** The caller destroys it. */
  readonly stream: Duplex;
}

const TIMEOUT_MS = 10_000;

/** Sends CONNECT over HTTP/1.1. */
export function openConnectOverHttp1({ port, host, ca }: ConnectRequest): Promise<ConnectAnswer> {
  return new Promise((resolve, reject) => {
    const authority = `${host}:443`;
    const options = {
      host: '127.0.0.1',
      port,
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      agent: false,
      timeout: TIMEOUT_MS,
    };
    const request =
      ca === undefined
        ? http.request(options)
        : https.request({ ...options, ca, servername: host });
    request.once('connect', (response, stream, head) => {
      stream.unshift(head);
      resolve({ status: response.statusCode ?? 0, stream });
    });
    request.once('timeout', () => request.destroy(new Error('no answer to CONNECT')));
    request.once('error', reject);
    request.end();
  });
}

/** Sends CONNECT over HTTP/2. */
export function openConnectOverHttp2({ port, host, ca }: ConnectRequest): Promise<ConnectAnswer> {
  const session =
    ca === undefined
      ? http2.connect(`http://127.0.0.1:${port}`)
      : http2.connect(`https://127.0.0.1:${port}`, { ca, servername: host });
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':method': 'CONNECT', ':authority': `${host}:443` });
    stream.setTimeout(TIMEOUT_MS, () => stream.destroy(new Error('no answer to CONNECT')));
    stream.once('error', reject);
    stream.once('response', (headers) => resolve({ status: headers[':status'] ?? 0, stream }));
    stream.once('close', () => session.destroy());
  });
}

/** Sends CONNECT over HTTP/2 and reads the body of what must be a refusal. */
export async function connectOverHttp2(
  request: ConnectRequest,
): Promise<{ status: number; body: string }> {
  const { status, stream } = await openConnectOverHttp2(request);
  try {
    if (status === 200) return { status, body: '' };
    return { status, body: await text(stream) };
  } finally {
    stream.destroy();
  }
}

/** Reads from a stream until it has `length` bytes; throws when it ends, or pauses, before. */
export async function readBytes(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(
    () => stream.destroy(new Error(`${size} of ${length} bytes in ${TIMEOUT_MS} ms`)),
    TIMEOUT_MS,
  );
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      chunks.push(Buffer.from(chunk));
      size += chunk.length;
      if (size >= length) return Buffer.concat(chunks);
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`the stream ended after ${size} of ${length} bytes`);
}
