import { get } from 'node:http';

/** Reads a path of the HTTP port, over a connection of its own. Throws unless the answer is 200. */
export function readHttp(address: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(`http://${address}${path}`, { agent: false, timeout: 5_000 });
    request.on('timeout', () => request.destroy(new Error(`${path}: no answer within 5 s`)));
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject).on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${path}: ${response.statusCode} ${text}`));
      });
    });
  });
}

/** Hook calls that were answered well, by the metrics. */
export function okCalls(metrics: string): number {
  return Number(/^offramp_hook_calls_total\{outcome="ok"\} (\d+)$/m.exec(metrics)?.[1]);
}
