import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../../src/observe/metrics.ts';
import { GatewayPatcher } from '../../src/retrigger/gateway-patcher.ts';
import { ApiServer } from '../../src/state/kubernetes/api-server.ts';
import { ApiTransport } from '../../src/state/kubernetes/api-transport.ts';
import { KubernetesApiDouble } from '../support/kubernetes-api.ts';
import { gateway } from '../support/kubernetes-objects.ts';
import { annotationOf } from '../support/running-retrigger.ts';

const api = new KubernetesApiDouble();

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  api.install('gateways');
  for (const namespace of ['a', 'b']) api.put('gateways', gateway(namespace, 'eg'));
  await api.start();
});

afterEach(async () => {
  vi.useRealTimers();
  await api.stop();
});

function patcher(): GatewayPatcher {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig());
  const server = new ApiServer(new ApiTransport(kubeConfig));
  const log = pino({ level: 'silent' });
  return new GatewayPatcher({ api: server, metrics: new Metrics('offramp'), log });
}

describe('a patch that RBAC refused', () => {
  it('is tried again half a minute later, and not by other Gateways of its namespace before', async () => {
    const patches = patcher();
    api.refuse('PATCH gateways', 403);
    expect(await patches.patch('a/eg', 'one')).toEqual({ kind: 'failed', retryIn: 30_000 });
    api.refuse('PATCH gateways', undefined);
    vi.advanceTimersByTime(10_000);
    expect(await patches.patch('a/other', 'one')).toEqual({ kind: 'failed', retryIn: 20_000 });
    expect(await patches.patch('b/eg', 'one')).toEqual({ kind: 'written' });
    expect(patches.checks()).toHaveLength(1);
    vi.advanceTimersByTime(20_000);
    expect(await patches.patch('a/eg', 'one')).toEqual({ kind: 'written' });
    expect(annotationOf(api, 'a', 'eg')).toBe('one');
    expect(patches.checks()).toEqual([]);
  });

  it('is no trouble any more once it would be allowed, though none is due', async () => {
    const patches = patcher();
    api.refuse('PATCH gateways', 403);
    await patches.patch('a/eg', 'one');
    expect(await patches.askAgain('a/eg')).toEqual({ kind: 'failed', retryIn: 30_000 });
    vi.advanceTimersByTime(30_000);
    expect(await patches.askAgain('a/eg')).toEqual({ kind: 'failed', retryIn: 30_000 });
    expect(patches.checks()).toHaveLength(1);
    api.refuse('PATCH gateways', undefined);
    const before = api.get('gateways', 'a', 'eg');
    expect(await patches.askAgain('a/eg')).toBeUndefined();
    expect(patches.checks()).toEqual([]);
    expect(api.get('gateways', 'a', 'eg')).toBe(before);
  });
});
