import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { milliseconds } from '../config/durations.ts';
import type { HttpConfig } from '../config/http.ts';
import { OfframpError, reasonOf } from '../errors.ts';
import type { Metrics } from '../observe/metrics.ts';
import { guardConnections, serverLimits } from './http-limits.ts';
import type { Readiness } from './readiness.ts';
import { Refusals } from './refusals.ts';

/** The running HTTP server. */
export interface HttpServer {
  /** host:port with the real port. */
  readonly address: string;
  stop(): Promise<void>;
}

/** An answer of the HTTP server. */
export interface PageAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Pages of the HTTP server that are there to be read. */
export interface Pages {
  /** The answer to a GET; undefined when the address is none of theirs. */
  answer(url: URL, accept: string): PageAnswer | undefined;
}

/** What the server shows, and where it tells of what happens. */
export interface HttpSurroundings {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly pages: Pages;
  readonly log: Logger;
}

/** Serves /metrics, /healthz, /readyz and other pages. Throws OfframpError: address-unusable. */
export async function startHttpServer(
  { address, limits }: HttpConfig,
  { metrics, readiness, pages, log }: HttpSurroundings,
): Promise<HttpServer> {
  const timeout = milliseconds(limits.requestTimeout);
  const server = createServer(serverLimits(timeout));
  const isSurplus = guardConnections(
    server,
    { connections: limits.connections, timeout },
    {
      metrics: metrics.server,
      refusals: new Refusals('http', metrics.server, log),
    },
  );
  server.on('request', (request, response) => {
    if (isSurplus(request.socket)) {
      return send(response, 503, 'too many connections\n', { connection: 'close' });
    }
    const { accept = '' } = request.headers;
    const url = readTarget(request.url ?? '/');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send(response, 405, 'GET and HEAD only\n', { allow: 'GET, HEAD' });
    }
    switch (url?.pathname) {
      case '/metrics':
        return void sendMetrics(response, metrics.registry);
      case '/healthz':
        return send(response, 200, 'ok\n');
      case '/readyz':
        return sendReadiness(response, readiness, url.searchParams.has('verbose'));
      default:
        return sendPage(response, url === null ? undefined : pages.answer(url, accept));
    }
  });
  return bindHttp(server, address, 'http.address');
}

/**
 * What is asked for; null when the path leads elsewhere than it says (`/metrics/../status`): a proxy in
 * front, which lets some pages through, may take it by the letter.
 */
function readTarget(target: string): URL | null {
  const url = URL.parse(target, 'http://localhost');
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/);
  return url?.pathname === (path || '/') ? url : null;
}

/** Binds a server to host:port of an option. Throws OfframpError: address-unusable. */
export async function bindHttp(
  server: Server,
  address: string,
  option: string,
): Promise<HttpServer> {
  const separator = address.lastIndexOf(':');
  const host = address.slice(0, separator).replace(/^\[(.*)\]$/, '$1');
  const bound = await listen(server, host, Number(address.slice(separator + 1))).catch(
    (error: unknown) => {
      throw new OfframpError('address-unusable', [`${option} ${address}: ${reasonOf(error)}`]);
    },
  );
  return {
    address: `${address.slice(0, separator)}:${bound.port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no TCP address'));
      else resolve(address);
    });
  });
}

async function sendMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    send(response, 200, await registry.metrics(), { 'content-type': registry.contentType });
  } catch (error) {
    send(response, 500, `${reasonOf(error)}\n`);
  }
}

function sendReadiness(response: ServerResponse, readiness: Readiness, verbose: boolean): void {
  const { ready, checks, worthKnowing } = readiness.check();
  const lines = [...checks, ...worthKnowing].map(
    ({ ok, name, detail }) => `[${ok ? '+' : '-'}] ${name}: ${detail}`,
  );
  const failed = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  const brief = ready ? 'ready' : `not ready: ${failed.join('; ')}`;
  const text = verbose ? [...lines, ready ? 'ready' : 'not ready'].join('\n') : brief;
  send(response, ready ? 200 : 503, `${text}\n`);
}

function sendPage(response: ServerResponse, page: PageAnswer | undefined): void {
  if (page === undefined) send(response, 404, 'here are /metrics, /healthz, /readyz and /status\n');
  else send(response, page.status, page.body, page.headers);
}

/** Answers with plain text. */
export function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}
