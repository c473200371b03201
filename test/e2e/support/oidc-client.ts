import http from 'node:http';
import { type Listening, listenOnLoopback } from './listen.ts';

/** A browser as far as OpenID Connect needs one: it keeps cookies and is always logged in at the provider. */
export interface OidcClient {
  /** The Cookie header of what it keeps. */
  cookies(): Readonly<Record<string, string>>;
  /** Asks for a path, and follows the way through the provider and back to it. */
  logIn(path: string): Promise<void>;
}

/** The token endpoint of a provider: it gives tokens for any code. */
export function startTokenEndpoint(): Promise<Listening> {
  const tokens = {
    access_token: 'an-access-token',
    id_token: 'an-id-token',
    token_type: 'Bearer',
    expires_in: 3_600,
  };
  const server = http.createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tokens));
  });
  return listenOnLoopback(server);
}

/** A client of the host at this port. */
export function makeOidcClient(port: number, host: string): OidcClient {
  const jar = new Map<string, string>();
  const cookies = (): Record<string, string> => {
    const pairs = [...jar].map(([name, value]) => `${name}=${value}`);
    return pairs.length === 0 ? {} : { cookie: pairs.join('; ') };
  };
  const go = async (path: string): Promise<URL> => {
    const response = await get({ host: '127.0.0.1', port, path, headers: { host, ...cookies() } });
    for (const cookie of response.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(cookie) ?? [];
      jar.set(name, value);
    }
    return new URL(response.headers.location ?? `http://${host}${path}`);
  };
  const logIn = async (path: string): Promise<void> => {
    const provider = await go(path);
    const callback = new URL(provider.searchParams.get('redirect_uri') ?? provider);
    const state = encodeURIComponent(provider.searchParams.get('state') ?? '');
    const back = await go(`${callback.pathname}?code=any&state=${state}`);
    if (back.pathname !== path) throw new Error(`testbed: not back at ${path}, but at ${back}`);
  };
  return { cookies, logIn };
}

function get(options: http.RequestOptions): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...options, agent: false }, (response) => {
      response.resume();
      resolve(response);
    });
    request.on('error', reject);
  });
}
