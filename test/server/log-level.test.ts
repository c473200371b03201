import { request as httpRequest } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { type OfframpProcess, startOfframpProcess } from '../e2e/support/offramp.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { captures } from '../support/captures.ts';
import { connectExtension } from '../support/extension-connection.ts';

const [capture] = captures;
const request = capture?.request ?? new Uint8Array();

async function serveAt(level: string, admin = true): Promise<OfframpProcess> {
  const offramp = await startOfframpProcess(
    {},
    { log: { level }, ...(admin ? { admin: { address: '127.0.0.1:0' } } : {}) },
  );
  onTestFinished(() => offramp.stop());
  return offramp;
}

function changesOf(offramp: OfframpProcess): readonly unknown[] {
  return offramp
    .log()
    .filter(({ msg }) => msg === 'log level')
    .map(({ from, to, by }) => [from, to, by]);
}

async function callHook({ port }: OfframpProcess): Promise<void> {
  const connection = connectExtension(`127.0.0.1:${port}`);
  await connection.call('PostTranslateModify', request).finally(connection.close);
}

describe('SIGUSR2', () => {
  it('switches a running server to debug, and back', async () => {
    const offramp = await serveAt('info', false);
    const told = () => offramp.log().filter(({ msg }) => msg === 'changes').length;
    await callHook(offramp);
    expect(told()).toBe(0);
    process.kill(offramp.pid, 'SIGUSR2');
    await waitFor('debug', () => changesOf(offramp).length === 1, { timeoutMs: 5_000 });
    await callHook(offramp);
    await waitFor('the changes', () => told() === 1, { timeoutMs: 5_000 });
    process.kill(offramp.pid, 'SIGUSR2');
    await waitFor('info', () => changesOf(offramp).length === 2, { timeoutMs: 5_000 });
    await callHook(offramp);
    expect(told()).toBe(1);
    expect(changesOf(offramp)).toEqual([
      ['info', 'debug', 'SIGUSR2'],
      ['debug', 'info', 'SIGUSR2'],
    ]);
  });

  it('switches away from debug where that is configured', async () => {
    const offramp = await serveAt('debug', false);
    process.kill(offramp.pid, 'SIGUSR2');
    await waitFor('info', () => changesOf(offramp).length === 1, { timeoutMs: 5_000 });
    expect(changesOf(offramp)).toEqual([['debug', 'info', 'SIGUSR2']]);
  });
});

describe('the admin endpoint', () => {
  interface Sent {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }
  const asks = async () => {
    const offramp = await serveAt('info');
    const serving = offramp.log().find(({ msg }) => msg === 'serving');
    const port = Number(String(serving?.admin).split(':').at(-1));
    const send = ({ method = 'GET', path = '/log-level', headers = {}, body }: Sent = {}) =>
      new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
        const options = { host: '127.0.0.1', port, method, path, headers };
        const asked = httpRequest(options, async (response) => {
          let text = '';
          for await (const chunk of response.setEncoding('utf8')) text += chunk;
          resolve({ status: response.statusCode, text });
        });
        asked.on('error', reject);
        asked.end(body);
      });
    return { offramp, send };
  };

  it('tells and sets the level, and takes back what was set', async () => {
    const { offramp, send } = await asks();
    expect(await send()).toEqual({ status: 200, text: 'info\n' });
    const put = { method: 'PUT', body: 'trace\n' };
    expect(await send(put)).toEqual({ status: 200, text: 'trace (info)\n' });
    expect(await send()).toEqual({ status: 200, text: 'trace (info)\n' });
    expect(await send({ method: 'DELETE' })).toEqual({ status: 200, text: 'info\n' });
    await waitFor('both lines', () => changesOf(offramp).length === 2, { timeoutMs: 5_000 });
    expect(changesOf(offramp)).toEqual([
      ['info', 'trace', 'admin'],
      ['trace', 'info', 'admin'],
    ]);
  });

  it.each<[string, Sent, number]>([
    ['a level that is none', { method: 'PUT', body: 'loud' }, 400],
    ['a long body', { method: 'PUT', body: 'debug'.repeat(10_000) }, 400],
    [
      'a name of another machine that leads here',
      { headers: { host: 'rebound.example.com' } },
      403,
    ],
    ['a name that starts like ours', { headers: { host: '127.0.0.1.example.com' } }, 403],
    [
      'a web page',
      { method: 'PUT', body: 'debug', headers: { origin: 'http://localhost:3000' } },
      403,
    ],
    ['another method', { method: 'POST', body: 'debug' }, 405],
    ['another path', { path: '/metrics' }, 404],
  ])('refuses %s', async (_, sent, status) => {
    const { offramp, send } = await asks();
    expect((await send(sent)).status).toBe(status);
    expect((await send()).text).toBe('info\n');
    expect(changesOf(offramp)).toEqual([]);
  });

  it('is nowhere unless asked for', async () => {
    const offramp = await serveAt('info', false);
    expect(offramp.log().find(({ msg }) => msg === 'serving')).not.toHaveProperty('admin');
  });

  it.each(['0.0.0.0:8091', '10.0.0.1:8091', '[::]:8091', 'offramp:8091', '127.0.0.1'])(
    'is refused at %s',
    (address) => {
      expect(configSchema.safeParse({ admin: { address } }).success).toBe(false);
    },
  );

  it.each(['127.0.0.1:8091', '127.0.0.2:0', 'localhost:8091', '[::1]:8091'])(
    'may be at %s',
    (address) => {
      expect(configSchema.safeParse({ admin: { address } }).success).toBe(true);
    },
  );
});
