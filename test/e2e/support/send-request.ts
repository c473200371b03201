import http from 'node:http';
import https from 'node:https';

/** A request through Envoy; `host` is the authority, which need not resolve. */
export interface SentRequest {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends it over TLS and trusts this certificate (PEM). */
  readonly ca?: string;
}

/** What came back; the status of a CONNECT as well. */
export interface ReceivedResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** The headers by which a client asks for a WebSocket. */
export const webSocketHandshake: Readonly<Record<string, string>> = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

const TIMEOUT_MS = 10_000;

/** Sends one HTTP/1.1 request to the loopback interface on a connection of its own. */
export function sendRequest(request: SentRequest): Promise<ReceivedResponse> {
  return new Promise((resolve, reject) => {
    const { port, host, path = '/', method = 'GET', headers = {}, ca } = request;
    const tls = { ca, servername: host };
    const options = {
      host: '127.0.0.1',
      port,
      method,
      // The target of a CONNECT is an authority.
      path: method === 'CONNECT' && path === '/' ? `${host}:443` : path,
      headers: { host, ...headers },
      agent: false,
      timeout: TIMEOUT_MS,
    } as const;
    const outgoing =
      ca === undefined ? http.request(options) : https.request({ ...options, ...tls });
    const receive = (response: http.IncomingMessage, head: string): void => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: head });
    };
    outgoing.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => receive(response, body));
      response.on('error', reject);
    });
    outgoing.on('connect', (response, socket, head) => {
      // Node hands over the socket whatever the status is: a refusal's body follows on it.
      collectRefusal(response, socket, head).then((body) => receive(response, body), reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function collectRefusal(
  response: http.IncomingMessage,
  socket: NodeJS.ReadWriteStream & { destroy(): void },
  head: Buffer,
): Promise<string> {
  const length = Number(response.headers['content-length'] ?? 0);
  let body = head;
  if (response.statusCode !== 200 && body.length < length) {
    for await (const chunk of socket) {
      body = Buffer.concat([body, Buffer.from(chunk)]);
      if (body.length >= length) break;
    }
  }
  socket.destroy();
  return body.toString('utf8');
}
