import { createHash } from 'node:crypto';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Certificate } from '../certificate.ts';
import type { WholeRequest } from '../fallback-kernel/servers.ts';

/** A request of a client, to a listener on the loopback interface. */
export interface Sent {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sends it over TLS and trusts this certificate (PEM). */
  readonly ca?: string;
  /** What the client shows of itself over TLS, if anything. */
  readonly client?: Certificate | undefined;
  /** Gets all of the body that is there, each time that more has come. */
  readonly onBody?: (body: Buffer) => void;
}

/** Everything that a client sees of an answer. */
export interface Exchange {
  readonly status: number;
  /** `name: value`, in the order of their coming. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly trailers: readonly string[];
  readonly ending: 'complete' | 'cut off';
}

/** A way to send requests. */
export type Send = (sent: Sent) => Promise<Exchange>;

/** Sends one HTTP/1.1 request on a connection of its own. */
export const sendHttp1: Send = (sent) =>
  new Promise((resolve, reject) => {
    const { port, host, path, method = 'GET', headers = {}, body, ca, client } = sent;
    const to = { host: '127.0.0.1', port, path, method, headers: { host, ...headers } };
    const tls = { ca, servername: host, ...client };
    const request =
      ca === undefined
        ? http.request({ ...to, agent: false })
        : https.request({ ...to, ...tls, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const read = collect(response, sent.onBody);
      const end = (ending: Exchange['ending']) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: linesOf(response.rawHeaders),
          body: read(),
          trailers: linesOf(response.rawTrailers),
          ending,
        });
      response.on('end', () => end('complete'));
      response.on('error', () => end('cut off'));
    });
    request.end(body);
  });

/** Sends one HTTP/2 request, without TLS by prior knowledge, on a connection of its own. */
export const sendHttp2: Send = async (sent) => {
  const { port, host, path, method = 'GET', headers = {}, body, ca, client } = sent;
  const session =
    ca === undefined
      ? http2.connect(`http://127.0.0.1:${port}`)
      : http2.connect(`https://${host}:${port}`, {
          ca,
          host: '127.0.0.1',
          servername: host,
          ...client,
        });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const pseudo = { ':method': method, ':path': path, ':authority': host };
      const stream = session.request({ ...pseudo, ...headers }, { endStream: body === undefined });
      const read = collect(stream, sent.onBody);
      let received: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
      let trailers: http2.IncomingHttpHeaders = {};
      stream.on('response', (head) => {
        received = head;
      });
      stream.on('trailers', (tail) => {
        trailers = tail;
      });
      const end = (ending: Exchange['ending']) => {
        const { ':status': status = 0, ...rest } = received;
        resolve({
          status,
          headers: linesOf(flatten(rest)),
          body: read(),
          trailers: linesOf(flatten(trailers)),
          ending,
        });
      };
      stream.on('end', () => end('complete'));
      stream.on('error', (error) =>
        received[':status'] === undefined ? reject(error) : end('cut off'),
      );
      if (body !== undefined) stream.end(body);
    });
  } finally {
    session.destroy();
  }
};

/** An answer without what differs from request to request, its body as a digest. */
export function withoutTimes({ headers, body, ...rest }: Exchange): object {
  return {
    ...rest,
    headers: headers.filter((line) => !/^date: /i.test(line)),
    body: {
      start: body.toString('latin1', 0, 80),
      length: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
    },
  };
}

/** A request as a server got it, without what Envoy makes anew for each. */
export function comparable(request: WholeRequest): WholeRequest {
  const lines = linesOf(request.headers);
  return { ...request, headers: lines.filter((line) => !/^x-request-id: /i.test(line)) };
}

/** `name: value` lines of a list of names and values. */
export function linesOf(raw: readonly string[]): string[] {
  const names = raw.filter((_, index) => index % 2 === 0);
  return names.map((name, index) => `${name}: ${raw[2 * index + 1]}`);
}

/** The values of one header, whatever its case. */
export function valuesOf({ headers }: Exchange, name: string): string[] {
  const start = `${name.toLowerCase()}: `;
  return headers
    .filter((line) => line.toLowerCase().startsWith(start))
    .map((line) => line.slice(start.length));
}

function collect(stream: NodeJS.ReadableStream, onBody: Sent['onBody']): () => Buffer {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => {
    parts.push(part);
    if (onBody !== undefined) onBody(Buffer.concat(parts));
  });
  return () => Buffer.concat(parts);
}

function flatten(headers: http2.IncomingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((one) => [name, one]),
  );
}
