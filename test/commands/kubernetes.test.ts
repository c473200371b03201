import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { withFreePorts } from '../support/free-port-configuration.ts';
import { KubernetesApiDouble } from '../support/kubernetes-api.ts';
import { connector, httpProxy } from '../support/kubernetes-objects.ts';
import { encodeRequest } from '../support/xds.ts';

const top = join(import.meta.dirname, '..', '..');
const main = join(top, 'dist', 'main.js');
const capture = join(top, 'test/captures/connectors-standalone/post-translate-modify.binpb');

let api: KubernetesApiDouble;
let folder: string;
let running: ChildProcess | undefined;

beforeEach(async () => {
  api = new KubernetesApiDouble();
  api.install('httpproxies', 'connectors', 'httproutes', 'gateways', 'services', 'endpointslices');
  await api.start();
  folder = mkdtempSync(join(tmpdir(), 'offramp-kubernetes-'));
  writeFileSync(join(folder, 'kubeconfig'), api.kubeconfig());
});

afterEach(async () => {
  running?.kill('SIGKILL');
  running = undefined;
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

function config(kubernetes: object = { kubeconfig: 'kubeconfig' }, more: object = {}): string {
  const file = join(folder, 'offramp.yaml');
  writeFileSync(file, stringify(withFreePorts({ state: { kubernetes }, ...more })));
  return file;
}

/** Without the credentials of whoever runs the tests. */
const env = () => ({ PATH: process.env.PATH, HOME: folder });

async function offramp(...args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], { env: env() });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [status, stdout, stderr] = await Promise.all([
    ended,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { status, stdout, stderr };
}

function serve(file = config()) {
  const child = spawn(process.execPath, [main, 'serve', '-c', file], { env: env() });
  running = child;
  let log = '';
  child.stdout.on('data', (chunk) => {
    log += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ended, log: () => log };
}

describe('serve, with the state from Kubernetes', () => {
  it('binds gRPC once the state was read', async () => {
    const { child, ended, log } = serve();
    await vi.waitFor(() => expect(log()).toContain('"serving"'), 10_000);
    expect(log().indexOf('Kubernetes objects read')).toBeLessThan(log().indexOf('"serving"'));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('says that nothing makes Envoy Gateway translate again when the retrigger is off', async () => {
    const off = { retrigger: { gatewayAnnotation: false } };
    const { log } = serve(config(undefined, off));
    await vi.waitFor(() => expect(log()).toContain('"serving"'), 10_000);
    const what = 'a change of state that Envoy Gateway does not see, or sees first, arrives with';
    expect(log()).toContain(what);
    const http = /"http":"([^"]+)","mode"/.exec(log())?.[1];
    const ready = await (await fetch(`http://${http}/readyz?verbose`)).text();
    expect(ready).toContain(`[+] retrigger: off: ${what}`);
  });

  it('ends with 0 when it is told to while it waits for an API server that is away', async () => {
    await api.stop();
    const { child, ended, log } = serve();
    await vi.waitFor(() => expect(log()).toContain('cannot be read yet'), 10_000);
    child.kill('SIGTERM');
    const asked = performance.now();
    expect(await ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(3_000);
    expect(log()).not.toContain('"serving"');
    expect(log()).toContain('"stopped"');
  });

  it('ends at once when it is told to while the API server says nothing', async () => {
    api.hang(true);
    const { child, ended } = serve();
    await vi.waitFor(() => expect(api.count('GET')).toBeGreaterThan(3), 10_000);
    await sleep(100);
    child.kill('SIGTERM');
    const asked = performance.now();
    expect(await ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(3_000);
  });
});

describe('explain, with the state from Kubernetes', () => {
  it('uses the state that the cluster has now', async () => {
    api.put('httpproxies', httpProxy('default', 'berlin', 'berlin'));
    api.put('connectors', connector('default', 'berlin', false));
    const { status, stdout, stderr } = await offramp('explain', capture, '-c', config());
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('0 connectors online, 1 offline');
    expect(stdout).toContain('route-answered (default/berlin)');
  });

  it('knows what is empty where a policy says Rebalance and the configuration Keep', async () => {
    const backendRefs = ['good', 'empty'].map((name) => ({ name, port: 80, weight: 50 }));
    const within = (name: string) => ({ namespace: 'a', name });
    api.put('httproutes', { metadata: within('shop'), spec: { rules: [{ backendRefs }] } });
    for (const name of ['good', 'empty']) {
      api.put('services', {
        metadata: within(name),
        spec: { ports: [{ name: 'http', port: 80 }] },
      });
    }
    api.put('endpointslices', {
      metadata: { ...within('good-1'), labels: { 'kubernetes.io/service-name': 'good' } },
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
    });
    const stamp = { policy: 'a/shop', mode: 'Rebalance', level: 'route' };
    const clusters = ['httproute/a/shop/rule/0/backend/0', 'invalid-backend-cluster'];
    const weighted = clusters.map((name) => ({ name, weight: { value: 50 } }));
    const route = {
      name: 'httproute/a/shop/rule/0/match/0/shop',
      match: { prefix: '/' },
      metadata: { filter_metadata: { 'offramp.dev': { policy: JSON.stringify(stamp) } } },
      route: { weighted_clusters: { clusters: weighted } },
    };
    const virtual_hosts = [{ name: 'a/eg/http/shop', domains: ['*'], routes: [route] }];
    const recorded = join(folder, 'recorded.binpb');
    writeFileSync(recorded, encodeRequest({ routes: [{ name: 'a/eg/http', virtual_hosts }] }));
    const keep = config(undefined, { emptyBackends: { mode: 'Keep' } });
    const { stdout } = await offramp('explain', recorded, '-c', keep);
    expect(stdout).toContain('Rebalance by a/shop (route)');
    expect(stdout).toMatch(/1 {2}weight 50 {2}empty +leaves +Service a\/empty has no endpoints/);
  });

  it('warns of kinds that the cluster does not have', async () => {
    api.uninstall('connectors');
    const { status, stderr } = await offramp('explain', capture, '-c', config());
    expect(status).toBe(0);
    expect(stderr).toBe('warning: the cluster has no Connector: it counts as empty\n');
  });

  it('ends with 2 and the code when the cluster cannot be read', async () => {
    await api.stop();
    const { status, stderr } = await offramp('explain', capture, '-c', config());
    expect(status).toBe(2);
    expect(stderr).toMatch(/^offramp: cluster-unreadable\n.*ECONNREFUSED/);
  });
});

describe('check, with the state from Kubernetes', () => {
  it('says what it found in the cluster, and what of it cannot be used', async () => {
    api.put('httpproxies', httpProxy('a', 'shop', 'berlin'));
    api.put('connectors', { ...connector('a', 'berlin', true), status: { conditions: 'none' } });
    const { status, stdout } = await offramp('check', config());
    expect(status).toBe(0);
    expect(stdout).toMatch(/ok: .*offramp.yaml: a valid OfframpConfiguration/);
    expect(stdout).toMatch(/ok: .*: http:.* 1 HTTPProxies, 1 Connectors, 0 of them online/);
    expect(stdout).toContain(
      ': Connector a/berlin: its status does not have the known form [object-unusable]\n',
    );
  });

  it.each([
    ['a kubeconfig that is not there', { kubeconfig: 'missing' }, 'there is no such file'],
    ['no credentials at all', {}, 'no credentials'],
  ])('ends with 1 for %s', async (_what, kubernetes, reason) => {
    const { status, stdout } = await offramp('check', config(kubernetes));
    expect(status).toBe(1);
    expect(stdout).toContain('error: ');
    expect(stdout).toContain(reason);
  });

  it.each([
    ['no YAML', 'a: [', 'kubeconfig'],
    ['no cluster', '{}', 'kubeconfig'],
    [
      'an unknown current context',
      'clusters: []\nusers: []\ncontexts: []\ncurrent-context: x',
      'no current',
    ],
    [
      'a user that is not there',
      'clusters: [{name: c, cluster: {server: "https://h"}}]\nusers: []\n' +
        'contexts: [{name: x, context: {cluster: c, user: nobody}}]\ncurrent-context: x',
      'it has no user nobody',
    ],
  ])('ends with 1 for a kubeconfig with %s', async (_what, content, reason) => {
    writeFileSync(join(folder, 'broken'), content);
    const { status, stdout } = await offramp('check', config({ kubeconfig: 'broken' }));
    expect(stdout).toContain(reason);
    expect(status).toBe(1);
  });

  it('names the permission that is missing', async () => {
    api.refuse('GET connectors', 403);
    const { status, stdout } = await offramp('check', config());
    expect(status).toBe(1);
    expect(stdout).toContain('Connector cannot be read: GET connectors: refused');
    expect(stdout).toContain(
      ': it takes the permission to list and watch connectors.networking.datumapis.com',
    );
  });
});
