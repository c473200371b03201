import http from 'node:http';
import http2 from 'node:http2';

/** A request of a client. */
export interface Question {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** Leaves the request open for so long, in milliseconds. */
  readonly endAfter?: number;
  /** Keeps connections; without it each request has its own. */
  readonly agent?: http.Agent;
}

/** What a client got. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** A path that may fall back, of one session. */
export function eventsOf(session: string): string {
  return `/browsers/${session}/telemetry/events`;
}

/** Asks over HTTP/1.1. */
export function ask(port: number, question: Question): Promise<Answer> {
  const { path = '/', method = 'GET', headers = {}, body, endAfter = 0, agent = false } = question;
  return new Promise((resolve, reject) => {
    const sent = { host: 'gateway.test', ...headers } as http.OutgoingHttpHeaders;
    const options = { host: '127.0.0.1', port, path, method, headers: sent, agent };
    const request = http.request(options, async (response) => {
      const parts: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(parts).toString() });
      });
    });
    request.on('error', reject);
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
    });
    if (body !== undefined) request.write(body);
    if (endAfter === 0) return void request.end();
    request.flushHeaders();
    setTimeout(() => request.end(), endAfter);
  });
}

/** Asks over HTTP/2 with prior knowledge. */
export async function askHttp2(port: number, question: Question): Promise<Answer> {
  const { path = '/', method = 'GET', headers = {}, body } = question;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const pseudo = { ':path': path, ':method': method, ':authority': 'gateway.test' };
      const stream = session.request({ ...pseudo, ...headers }, { endStream: body === undefined });
      let answer: Answer = { status: 0, headers: {}, body: '' };
      stream.on('response', ({ ':status': status = 0, ...rest }) => {
        answer = { status, headers: rest as http.IncomingHttpHeaders, body: '' };
      });
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', reject);
      stream.on('end', () => resolve({ ...answer, body: Buffer.concat(parts).toString() }));
      if (body !== undefined) stream.end(body);
    });
  } finally {
    session.close();
  }
}
