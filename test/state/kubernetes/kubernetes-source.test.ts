import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { ApiServer } from '../../../src/state/kubernetes/api-server.ts';
import { ApiTransport } from '../../../src/state/kubernetes/api-transport.ts';
import { KubernetesSource } from '../../../src/state/kubernetes/kubernetes-source.ts';
import { KubernetesApiDouble } from '../../support/kubernetes-api.ts';
import { connector, httpProxy, namespaceObject } from '../../support/kubernetes-objects.ts';
import { type LogLine, logSink } from '../../support/running-server.ts';

const soon = { timeout: 5_000, interval: 10 };
const later = { timeout: 20_000, interval: 50 };

/** An API with the datum kinds, one proxy behind `a/berlin`, which is online. */
async function startApi({ onTestFinished }: TestContext): Promise<KubernetesApiDouble> {
  const api = new KubernetesApiDouble();
  api.install('httpproxies', 'connectors');
  api.put('httpproxies', httpProxy('a', 'shop', 'berlin'));
  api.put('connectors', connector('a', 'berlin', true));
  await api.start();
  onTestFinished(() => api.stop());
  return api;
}

function readFrom(
  api: KubernetesApiDouble,
  { onTestFinished }: TestContext,
  namespaces: readonly string[] = [],
) {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig());
  const log: LogLine[] = [];
  const source = new KubernetesSource({
    api: new ApiServer(new ApiTransport(kubeConfig)),
    namespaces,
    countsEndpoints: false,
    log: pino({ base: null }, logSink(log)),
  });
  onTestFinished(() => source.stop());
  const connectorOf = (namespace: string, name: string) =>
    source.state.connectors.forRule({ kind: 'HTTPRoute', namespace, name, rule: 0 })?.whole;
  /** `online`, `offline`, or undefined when the route is behind no connector. */
  const stateOf = (namespace: string, name: string) => {
    const found = connectorOf(namespace, name);
    return found && (found.online ? 'online' : 'offline');
  };
  const messages = () => log.map(({ msg }) => msg);
  return { source, stateOf, connectorOf, log, messages };
}

// Each test waits for real pauses: together they wait once.
describe.concurrent('the Kubernetes source', () => {
  it('is synced once every kind was read, and knows the tunnels then', async (test) => {
    const { source, connectorOf } = readFrom(await startApi(test), test);
    expect(source.status().synced).toBe(false);
    expect(source.status().detail).toContain('waiting for http://127.0.0.1');
    await source.whenSynced();
    expect(connectorOf('a', 'shop')).toEqual({
      name: 'a/berlin',
      online: true,
      tunnel: { host: 'home', port: 8123, endpointId: 'node-of-berlin' },
    });
    expect(source.status()).toMatchObject({
      synced: true,
      detail: '1 HTTPProxies, 1 Connectors, 1 of them online',
      problems: [],
      ageSeconds: 0,
    });
  });

  it('reads a large fleet page by page', async (test) => {
    const api = await startApi(test);
    api.pageSize = 10;
    for (let at = 0; at < 95; at++) api.put('connectors', connector('a', `other-${at}`, false));
    const { source } = readFrom(api, test);
    await source.whenSynced();
    expect(source.view.counts.connectors).toBe(96);
    expect(api.count('GET connectors')).toBe(10);
  });

  it('follows what is changed, made and deleted', async (test) => {
    const api = await startApi(test);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), soon);
    api.put('connectors', connector('a', 'berlin', true));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('online'), soon);
    api.remove('connectors', 'a', 'berlin');
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), soon);
    api.put('httpproxies', httpProxy('a', 'blog', 'oslo'));
    api.put('connectors', connector('a', 'oslo', true));
    await vi.waitFor(() => expect(stateOf('a', 'blog')).toBe('online'), soon);
    api.remove('httpproxies', 'a', 'shop');
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBeUndefined(), soon);
  });

  it('recognises a replica by the label of its namespace', async (test) => {
    const api = await startApi(test);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    api.put('namespaces', namespaceObject('ns-1', 'a'));
    await vi.waitFor(() => expect(stateOf('ns-1', 'shop')).toBe('online'), soon);
    api.put('namespaces', namespaceObject('ns-1'));
    await vi.waitFor(() => expect(stateOf('ns-1', 'shop')).toBeUndefined(), soon);
  });

  it('goes on watching from where it was when the connection is lost, without a new list', async (test) => {
    const api = await startApi(test);
    const { source, stateOf, messages } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    api.put('connectors', connector('a', 'oslo', true));
    await vi.waitFor(() => expect(source.view.counts.connectors).toBe(2), soon);
    api.compact('connectors');
    api.cutWatches();
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), soon);
    expect(api.count('GET connectors')).toBe(1);
    await vi.waitFor(() => expect(source.status().ageSeconds).toBe(0), soon);
    expect(messages()).toContain('the watch broke; the last known state stays in use');
    expect(messages()).toContain('watched again');
  });

  it('goes on watching from a bookmark when nothing has changed for long', async (test) => {
    const api = await startApi(test);
    const { source, stateOf, messages } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    api.put('others', connector('a', 'other', true));
    api.bookmark();
    api.compact();
    api.endWatches();
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), soon);
    for (const kind of ['httpproxies', 'connectors', 'namespaces']) {
      expect(api.count(`GET ${kind}`)).toBe(1);
    }
    expect(messages()).toEqual(['Kubernetes objects read']);
  });

  it('asks again at once, and tells nobody, when the server ends a watch in good order', async (test) => {
    const api = await startApi(test);
    const { source, stateOf, messages } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    api.endWatches();
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), soon);
    expect(messages()).toEqual(['Kubernetes objects read']);
  });

  it('does not ask without end when every watch is ended at once', async (test) => {
    const api = await startApi(test);
    const { source } = readFrom(api, test);
    await source.whenSynced();
    const end = setInterval(() => api.endWatches(), 5);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    clearInterval(end);
    expect(api.count('WATCH connectors')).toBeLessThan(8);
  });

  it('lists anew when its version is too old, and notices what was deleted meanwhile', async (test) => {
    const api = await startApi(test);
    api.put('httpproxies', httpProxy('a', 'blog', 'berlin'));
    const { source, stateOf, messages } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    await api.stop();
    api.remove('httpproxies', 'a', 'blog');
    api.put('connectors', connector('a', 'berlin', false));
    api.compact();
    await api.start();
    await vi.waitFor(() => expect(stateOf('a', 'blog')).toBeUndefined(), later);
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), later);
    expect(messages()).not.toContain('too old resource version');
  });

  it('keeps the last known state while the API server is away, and says how old it is', async (test) => {
    const api = await startApi(test);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    await api.stop();
    await vi.waitFor(() => expect(source.status().ageSeconds).toBeGreaterThan(1), soon);
    expect(stateOf('a', 'shop')).toBe('online');
    expect(source.status()).toMatchObject({ synced: true });
    expect(source.status().problems).toHaveLength(1);
    expect(source.status().checks[0]?.detail).toMatch(/^1 objects as of \d s ago: .*ECONNREFUSED/);
    api.put('connectors', connector('a', 'berlin', false));
    await api.start();
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), later);
    await vi.waitFor(() => expect(source.status()).toMatchObject({ ageSeconds: 0, problems: [] }));
  });

  it('waits for an API server that is not there yet', async (test) => {
    const api = await startApi(test);
    await api.stop();
    const { source, stateOf } = readFrom(api, test);
    await vi.waitFor(() => expect(source.status().detail).toContain('ECONNREFUSED'), soon);
    expect(source.status().synced).toBe(false);
    await api.start();
    await source.whenSynced();
    expect(stateOf('a', 'shop')).toBe('online');
  });

  it('waits while the API server answers with errors of its own', async (test) => {
    const api = await startApi(test);
    api.refuse('GET connectors', 500);
    const { source } = readFrom(api, test);
    await vi.waitFor(() => expect(api.count('GET connectors')).toBeGreaterThan(2), soon);
    expect(source.status().synced).toBe(false);
    api.refuse('GET connectors', undefined);
    await source.whenSynced();
  });

  it('takes kinds that are not installed for empty, says so once, and picks them up', async (test) => {
    const api = new KubernetesApiDouble();
    await api.start();
    test.onTestFinished(() => api.stop());
    const { source, stateOf, messages } = readFrom(api, test);
    await source.whenSynced();
    expect(source.state.connectors.isEmpty).toBe(true);
    api.install('httpproxies', 'connectors');
    api.put('httpproxies', httpProxy('a', 'shop', 'berlin'));
    api.put('connectors', connector('a', 'berlin', true));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('online'), later);
    const said = messages().filter((message) => message.startsWith('not installed'));
    expect(said).toHaveLength(2);
  });

  it('claims nothing while RBAC forbids Connectors, instead of taking them for missing', async (test) => {
    const api = await startApi(test);
    api.refuse('GET connectors', 403);
    const { source, stateOf, log } = readFrom(api, test);
    await source.whenSynced();
    expect(source.view.counts.proxies).toBe(1);
    expect(stateOf('a', 'shop')).toBeUndefined();
    expect(log.filter(({ level }) => level === 50)).toMatchObject([
      {
        kind: 'Connector',
        permission: 'list and watch connectors.networking.datumapis.com',
        reason: 'GET connectors: refused',
        msg: 'not allowed: no connector is answered or tunnelled until it is',
      },
    ]);
    api.refuse('GET connectors', undefined);
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('online'), later);
  });

  it('does without the labels of Namespaces when RBAC forbids these', async (test) => {
    const api = await startApi(test);
    api.refuse('GET namespaces', 403);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    expect(stateOf('a', 'shop')).toBe('online');
  });

  it('keeps what it knows when RBAC forbids it later', async (test) => {
    const api = await startApi(test);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    for (const request of ['GET connectors', 'WATCH connectors']) api.refuse(request, 403);
    api.cutWatches();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(stateOf('a', 'shop')).toBe('online');
    expect(source.status().ageSeconds).toBeGreaterThan(3);
  });

  it('lists again and again where it may list but not watch', async (test) => {
    const api = await startApi(test);
    api.refuse('WATCH connectors', 403);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), later);
    expect(source.status().ageSeconds).toBeGreaterThan(0);
  });

  it('starts a watch anew that sends what is no event', async (test) => {
    const api = await startApi(test);
    const { source, stateOf } = readFrom(api, test);
    await source.whenSynced();
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(3), soon);
    api.sayToWatches('{"type":"MODIFIED","obj\n');
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(stateOf('a', 'shop')).toBe('offline'), soon);
    await vi.waitFor(() => expect(api.count('WATCH')).toBe(6), soon);
  });

  it('reads the namespaces that it is told alone, and their labels one by one', async (test) => {
    const api = await startApi(test);
    api.put('namespaces', namespaceObject('b', 'a'));
    api.put('namespaces', namespaceObject('c', 'a'));
    api.put('httpproxies', httpProxy('c', 'hidden', 'berlin'));
    const { source, stateOf } = readFrom(api, test, ['a', 'b', 'not-there']);
    await source.whenSynced();
    expect(stateOf('a', 'shop')).toBe('online');
    expect(stateOf('b', 'shop')).toBe('online');
    expect(stateOf('c', 'shop')).toBeUndefined();
    expect(stateOf('c', 'hidden')).toBeUndefined();
    expect(api.requests).not.toContain('GET namespaces');
    expect(api.requests).not.toContain('WATCH namespaces');
    api.put('namespaces', namespaceObject('not-there', 'a'));
    await vi.waitFor(() => expect(stateOf('not-there', 'shop')).toBe('online'), later);
  });

  it('names objects that cannot be used, once when they come and once when they go', async (test) => {
    const api = await startApi(test);
    const broken = httpProxy('a', 'broken', 'berlin');
    const backends = [{ endpoint: 'nowhere', connector: { name: 'berlin' } }];
    api.put('httpproxies', { ...broken, spec: { rules: [{ backends }] } });
    const { source, log } = readFrom(api, test);
    await vi.waitFor(() => expect(source.status().unusableObjects).toBe(1), soon);
    const problem =
      'HTTPProxy a/broken: rule 0, backend 0: its endpoint "nowhere" is no URL with host';
    expect(source.status().checks).toContainEqual({ name: 'object', ok: false, detail: problem });
    api.put('connectors', connector('a', 'berlin', false));
    api.put('httpproxies', broken);
    await vi.waitFor(() => expect(source.status().unusableObjects).toBe(0), soon);
    expect(log.filter((line) => 'problem' in line)).toMatchObject([
      { level: 40, problem },
      { level: 30, problem },
    ]);
  });
});
