import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type LogLevel, type LogLevelName, logLevels } from '../observe/log-level.ts';
import { bindHttp, type HttpServer, send } from './http-server.ts';

/** Longest body that is read; a level has at most six letters. */
const maxBodyBytes = 64;

/**
 * Serves /log-level to this machine: GET tells it, PUT sets it, DELETE sets the configured one. Throws
 * OfframpError: address-unusable.
 */
export async function startAdminServer(address: string, level: LogLevel): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return send(response, 403, `${refusal}\n`);
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (url?.pathname !== '/log-level') return send(response, 404, 'here is /log-level\n');
    void answer(request, response, level);
  });
  server.requestTimeout = 5_000;
  return bindHttp(server, address, 'admin.address');
}

/**
 * A page in a browser on this machine could ask too, under a name of its own that leads here. It cannot
 * hide that name, nor that it is a page.
 */
function refusalOf({ headers }: IncomingMessage): string | undefined {
  if (headers.origin !== undefined) return 'not from a web page';
  const host = headers.host ?? '';
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)
    ? undefined
    : 'ask by a loopback address, or localhost';
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  level: LogLevel,
): Promise<void> {
  switch (request.method) {
    case 'GET':
      break;
    case 'DELETE':
      level.set(level.configured, 'admin');
      break;
    case 'PUT': {
      const wanted = await readLevel(request);
      if (wanted === undefined) return send(response, 400, `one of ${logLevels.join(', ')}\n`);
      level.set(wanted, 'admin');
      break;
    }
    default:
      return send(response, 405, 'GET, PUT or DELETE\n', { allow: 'GET, PUT, DELETE' });
  }
  const { current, configured } = level;
  send(response, 200, current === configured ? `${current}\n` : `${current} (${configured})\n`);
}

async function readLevel(request: IncomingMessage): Promise<LogLevelName | undefined> {
  let text = '';
  try {
    for await (const chunk of request.setEncoding('utf8')) {
      text += String(chunk);
      if (text.length > maxBodyBytes) return undefined;
    }
  } catch {
    return undefined; // the client has gone
  }
  return logLevels.find((one) => one === text.trim());
}
