import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiServer } from '../../../src/state/kubernetes/api-server.ts';
import { ApiServerError, ApiTransport } from '../../../src/state/kubernetes/api-transport.ts';
import { connectors, resourcePath } from '../../../src/state/kubernetes/resources.ts';
import type { WatchEvent } from '../../../src/state/kubernetes/watch-stream.ts';
import { KubernetesApiDouble } from '../../support/kubernetes-api.ts';
import { connector } from '../../support/kubernetes-objects.ts';

const path = resourcePath(connectors, 'a', 'berlin');
const scope = { resource: connectors };

let double: KubernetesApiDouble;
let server: ApiServer;

beforeEach(async () => {
  double = new KubernetesApiDouble();
  double.install('connectors');
  double.put('connectors', connector('a', 'berlin', true));
  await double.start();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(double.kubeconfig());
  server = new ApiServer(new ApiTransport(kubeConfig));
});

afterEach(async () => {
  vi.useRealTimers();
  server.close();
  await double.stop();
});

/** Lets the clock of our own timeouts run until the work is done. */
async function hurry<T>(work: Promise<T>): Promise<T> {
  const clock = setInterval(() => vi.advanceTimersByTime(1_000), 5);
  return await work.finally(() => clearInterval(clock));
}

/** Tells whether a watch has ended, well or not. */
function watchEnd(ended: Promise<void>): () => boolean {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  ended.then(over, over);
  return () => isOver;
}

describe('the API server', () => {
  it('says in its own words why it refuses', async () => {
    double.refuse('GET connectors', 403);
    const failure = new ApiServerError('GET connectors: refused', 403);
    await expect(server.get(path)).rejects.toEqual(failure);
    await expect(server.list(scope, () => undefined)).rejects.toEqual(failure);
    double.refuse('WATCH connectors', 429);
    const refused = server.watch(scope, '1', () => undefined);
    await expect(refused).rejects.toMatchObject({ status: 429 });
  });

  it('is named when it cannot be reached', async () => {
    await double.stop();
    await expect(server.get(path)).rejects.toThrow(`${server.address}: connect ECONNREFUSED`);
  });

  it('gets 15 s for an answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    double.hang(true);
    await expect(hurry(server.get(path))).rejects.toThrow('no answer within 15 s');
    const watch = server.watch(scope, '1', () => undefined);
    await expect(hurry(watch)).rejects.toThrow('no answer within 15 s');
  });

  it('is given up after 15 s when the plugin that gives credentials hangs', async () => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(double.kubeconfig());
    const hang = { command: process.execPath, args: ['-e', 'setTimeout(() => {}, 5_000)'] };
    kubeConfig.users = [{ name: 'nobody', exec: hang }];
    const waiting = new ApiServer(new ApiTransport(kubeConfig));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await expect(hurry(waiting.get(path))).rejects.toThrow('no answer within 15 s');
    waiting.close();
  });

  it('is not told, nor is the log, what a plugin printed that is no JSON', async () => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(double.kubeconfig());
    const bare = { command: process.execPath, args: ['-e', 'console.log("hunter2")'] };
    kubeConfig.users = [{ name: 'nobody', exec: bare }];
    const asking = new ApiServer(new ApiTransport(kubeConfig)).get(path);
    await expect(asking).rejects.toThrow('printed no JSON');
    expect(String(await asking.catch((error: unknown) => error))).not.toContain('hunter2');
  });

  it('is asked for a new watch when one has been silent for two and a half minutes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { ended } = await server.watch(scope, '2', () => undefined);
    const isOver = watchEnd(ended);
    await vi.advanceTimersByTimeAsync(149_000);
    expect(isOver()).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(isOver()).toBe(true);
  });

  it('keeps a watch by any word within that time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const events: WatchEvent[] = [];
    const { ended } = await server.watch(scope, '2', (event) => events.push(event));
    const isOver = watchEnd(ended);
    await vi.advanceTimersByTimeAsync(140_000);
    double.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(events).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(140_000);
    expect(isOver()).toBe(false);
  });

  it('lets go of everything when we stop', async () => {
    const { ended } = await server.watch(scope, '2', () => undefined);
    double.hang(true);
    const asked = server.get(path);
    await vi.waitFor(() => expect(double.count('GET connectors')).toBe(1));
    server.close();
    await Promise.all([
      expect(asked).rejects.toThrow(ApiServerError),
      expect(ended).rejects.toThrow('the connection was lost'),
    ]);
  });
});
