import http from 'node:http';

/** What a client gets from behind a CONNECT. */
export interface ThroughConnect {
  readonly port: number;
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens a CONNECT and sends a GET through it; gives the body. Throws when CONNECT gets no 200. */
export function requestThroughConnect({ port, host, headers }: ThroughConnect): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = `${host}:443`;
    const options = { host: '127.0.0.1', port, method: 'CONNECT', path, timeout: 10_000 };
    const outgoing = http.request({ ...options, headers: { host, ...headers }, agent: false });
    outgoing.once('error', reject);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer to CONNECT')));
    outgoing.once('connect', (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        return reject(new Error(`CONNECT got ${response.statusCode}`));
      }
      const inner = http.get(
        { createConnection: () => socket, host, path: '/inside' },
        (answer) => {
          let body = '';
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => {
            body += chunk;
          });
          answer.once('end', () => {
            socket.destroy();
            resolve(body);
          });
        },
      );
      inner.once('error', reject);
    });
    outgoing.end();
  });
}
