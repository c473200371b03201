import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captures } from '../support/captures.ts';
import { connectExtension } from '../support/extension-connection.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { askRaw, openIdle, refusalsAt, trickle } from './support/rude-clients.ts';
import { waitFor } from './support/wait-for.ts';

const [{ request } = { request: new Uint8Array() }] = captures;
/** In what strangers send: never to be seen again. */
const secretText = 'hunter2-of-a-stranger';
const many = 10_000;
const requestTimeout = 5;
const soon = { timeoutMs: 10_000, intervalMs: 20 };

let offramp: OfframpProcess;
let port: number;

beforeAll(async () => {
  offramp = await startOfframpProcess(
    { connectors: [] },
    {
      grpc: { address: '127.0.0.1:0' },
      http: { address: '127.0.0.1:0', limits: { requestTimeout: `${requestTimeout}s` } },
    },
  );
  port = Number(new URL(offramp.url).port);
});

afterAll(async () => {
  await offramp?.stop();
});

async function stillAnswersCalls(): Promise<void> {
  const client = connectExtension(`127.0.0.1:${offramp.port}`);
  expect((await client.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
  client.close();
}

function report(what: string, figures: object): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

/** The count, once it is so small. */
function atMost(limit: number, count: number): number | undefined {
  return count <= limit ? count : undefined;
}

describe('attempts to get in to the HTTP port', () => {
  it(`by ${many} connections that say nothing keep a few places, for a few seconds`, async () => {
    const idle = await openIdle(port, many);
    const atFirst = await waitFor('the others to be closed', () => atMost(128, idle.open()), soon);
    await stillAnswersCalls();
    await waitFor(
      'the HTTP port to answer again',
      async () =>
        (await askRaw(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')) ===
        200,
      { timeoutMs: 30_000, intervalMs: 200 },
    );
    report('idle on HTTP', {
      opened: many,
      kept: atFirst,
      ...(await refusalsAt(offramp.url, 'http')),
    });
    idle.end();
  });

  it('by paths that are none find nothing, and no file', async () => {
    const file = encodeURIComponent(offramp.configFile);
    const paths = [
      '/../../../../etc/passwd',
      '/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
      '/..%5c..%5cetc%5cpasswd',
      '/status/../../etc/passwd',
      '/status/snapshots/../../../etc/passwd',
      '/status/snapshots/%2e%2e%2f1',
      '/status/snapshots/-1',
      `/status/snapshots/${'9'.repeat(400)}`,
      `/${file}`,
      `//${file}`,
      '/metrics%00.json',
      '/metrics;/../status',
      '//elsewhere.example/metrics',
      'http://elsewhere.example/log-level',
      '/log-level',
      '/recordings/',
      '/debug/pprof',
      '/__proto__',
      '/constructor',
      '*',
    ];
    for (const path of paths) {
      const head = `Host: a\r\nAuthorization: Bearer ${secretText}\r\nConnection: close`;
      expect(await askRaw(port, `GET ${path} HTTP/1.1\r\n${head}\r\n\r\n`), path).toBe(404);
    }
  });

  it('by queries and requests that are too much are refused, or cost little', async () => {
    const get = (path: string) =>
      askRaw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    for (const path of ['/status', '/status.json', '/readyz', '/metrics', '/nothing']) {
      expect(await get(`${path}?${'q'.repeat(1_000_000)}`)).toBe(431);
    }
    const started = performance.now();
    const rude = [
      `connector=${encodeURIComponent('<script>'.repeat(800))}`.slice(0, 7000),
      Array.from({ length: 1500 }, (_, at) => `a${at}`)
        .join('&')
        .slice(0, 7000),
      `connectors-page=${'9'.repeat(7000)}`,
      'gateways-page=9999999&connectors-page=9999999',
      `token=${secretText}`,
      '__proto__[connector]=x&only=__proto__',
      '%ff%fe%00=%zz',
    ];
    for (const query of rude) {
      for (const path of ['/status', '/status.json', '/readyz']) {
        expect(await get(`${path}?${query}`), query.slice(0, 40)).toBe(200);
      }
    }
    expect(performance.now() - started).toBeLessThan(5000);
    const length = `Content-Length: 5\r\nContent-Length: 6\r\n`;
    const chunked = `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`;
    for (const twice of [length, chunked]) {
      expect(await askRaw(port, `GET /metrics HTTP/1.1\r\nHost: a\r\n${twice}\r\n0\r\n\r\n`)).toBe(
        400,
      );
    }
    const large = `POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n`;
    expect(await askRaw(port, `${large}${'x'.repeat(1_000_000)}`)).toBe(405);
    expect(await askRaw(port, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')).toBeUndefined();
    report('HTTP', await refusalsAt(offramp.url, 'http'));
  });

  it('by sending a byte now and then are cut off', async () => {
    const text = `GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(400)}`;
    const clients = Array.from({ length: 40 }, () => trickle(connect(port, '127.0.0.1'), text));
    const seconds = await Promise.all(clients);
    expect(Math.max(...seconds)).toBeLessThan(requestTimeout + 5);
    expect((await fetch(`${offramp.url}/healthz`)).status).toBe(200);
    report('slow-loris on HTTP', { clients: seconds.length, longest: Math.max(...seconds) });
  });

  it('leave the server alive, and nothing that was sent behind', async () => {
    await stillAnswersCalls();
    const pages = ['/metrics', '/readyz?verbose', '/status', '/status.json'];
    const shown = await Promise.all(
      pages.map(async (page) => {
        const answer = await fetch(`${offramp.url}${page}`);
        expect(answer.status).toBe(200);
        return answer.text();
      }),
    );
    const log = readFileSync(offramp.logFile, 'utf8');
    expect([log, ...shown].join('\n')).not.toContain(secretText);
    // However many attempts there were, the log stays one that a person reads.
    expect(log.split('\n').filter((line) => line.includes('refused')).length).toBeLessThan(50);
  });
});
