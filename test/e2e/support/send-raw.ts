import net from 'node:net';

/** What came back on a connection, whole; status 0 when it was not HTTP. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const TIMEOUT_MS = 5_000;

/** Sends an HTTP/1.1 request line and header lines as they are, and reads until Envoy closes. */
export function sendRaw(port: number, lines: readonly string[]): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`open after ${TIMEOUT_MS} ms`)));
    socket.on('data', (part: string) => {
      text += part;
      if (text.startsWith('HTTP/1.1 101')) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const at = text.indexOf('\r\n\r\n');
      const head = at < 0 ? text : text.slice(0, at);
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0);
      resolve({ status, head, body: at < 0 ? '' : text.slice(at + 4) });
    });
    socket.write([...lines, 'connection: close', '', ''].join('\r\n'), 'latin1');
  });
}
