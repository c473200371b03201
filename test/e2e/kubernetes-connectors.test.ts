import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installDatumCrds, installGatewayCrds } from './support/kubernetes/crds.ts';
import { boundAccount, documentedRole } from './support/kubernetes/documented-roles.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  backend,
  connector,
  connectorStatus,
  gateway,
  gatewayClass,
  httpProxy,
  httpRoute,
} from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { proxyWithTunnelListener } from './support/tunnel-listener.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const generation = 'gateway.envoyproxy.io/offramp-generation';
const upstreamStatus = 'networking.datumapis.com/upstream-status';
const eg = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' };
const offlineBody = 'Tunnel not online';

const role = documentedRole('ClusterRole');

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `12, 34 … 56 ms`, and the largest of them. */
function distribution(what: string, times: readonly number[]): number {
  const sorted = times.map(Math.round).toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  print(`${what}: min ${at(0)}, median ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)} ms`);
  return at(1);
}

describe('connectors in Kubernetes, with the documented role', () => {
  let kubernetes: RunningKubernetes;
  let direct: Upstream;
  let tunnelled: Upstream;
  let offramp: OfframpProcess;
  let envoyGateway: RunningEnvoyGateway;
  let port: number;
  let grpcPort: number;
  let kubeconfig: string;

  const start = (grpc: number) =>
    startOfframpProcess(
      {},
      { grpc: { address: `127.0.0.1:${grpc}` }, state: { kubernetes: { kubeconfig } } },
    );
  const hookCalls = () => offramp.log().filter(({ msg }) => msg === 'PostTranslateModify');
  const bodyOf = async (name: string, at = port) =>
    (await sendRequest({ port: at, host: `${name}.example.com` })).body;
  const named = (name: string, namespace = 'default') => ({
    apiVersion: 'networking.datumapis.com/v1alpha1',
    kind: 'Connector',
    name,
    namespace,
  });
  const setOnline = (name: string, online: boolean) =>
    kubernetes.patchStatus(named(name), connectorStatus(online, `node-${name}`));
  const annotation = async () => (await kubernetes.get(eg))?.metadata.annotations?.[generation];

  /** Milliseconds until the live answer of a route is another one. */
  async function untilBodyIs(
    name: string,
    body: string,
    { at = port, timeoutMs = 20_000 } = {},
  ): Promise<number> {
    const started = performance.now();
    const is = async () => (await bodyOf(name, at)) === body;
    await waitFor(`${name} to answer ${body}`, is, { timeoutMs, intervalMs: 10 });
    return performance.now() - started;
  }

  /** Twenty flips, each after the last has arrived and the pause between two patches is over. */
  async function flip(what: string, set: (online: boolean) => Promise<void>): Promise<number> {
    const times: number[] = [];
    for (let at = 0; at < 20; at++) {
      const online = at % 2 === 1;
      const started = performance.now();
      await set(online);
      await untilBodyIs('berlin', online ? 'tunnelled\n' : offlineBody);
      times.push(performance.now() - started);
      await sleep(100 + Math.random() * 500);
    }
    return distribution(what, times);
  }

  beforeAll(async () => {
    direct = await startHttpUpstream('direct');
    tunnelled = await startHttpUpstream('tunnelled');
    port = await freePort();
    grpcPort = await freePort();
    kubernetes = await startKubernetes({ authorization: 'RBAC' });
    await installGatewayCrds(kubernetes);
    await kubernetes.apply([
      ...boundAccount('offramp', role),
      gatewayClass(),
      gateway(port),
      backend('app', direct.port),
      httpRoute({ name: 'berlin', backends: [{ kind: 'Backend', name: 'app' }] }),
    ]);
    kubeconfig = await kubernetes.kubeconfigFor({
      serviceAccount: 'offramp',
      namespace: 'default',
    });
    offramp = await start(grpcPort);
    envoyGateway = await startGatewayOnKubernetes({
      kubernetes,
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: grpcPort }),
      configuration: { envoyProxy: proxyWithTunnelListener(tunnelled.port) },
    });
  });

  afterAll(async () => {
    await envoyGateway?.stop();
    await offramp?.stop();
    await kubernetes?.stop();
    await direct?.stop();
    await tunnelled?.stop();
  });

  it('are none where the kinds are not installed: everything is as it came', async () => {
    expect(await bodyOf('berlin')).toBe('direct\n');
    expect(hookCalls().at(-1)).toMatchObject({ connector_offline_routes: 0, skipped: 0 });
    expect(await annotation()).toBeUndefined();
  });

  it('are picked up when the kinds are installed, without a restart', async () => {
    await installDatumCrds(kubernetes);
    await kubernetes.apply([
      connector('berlin'),
      httpProxy('berlin', [{ connector: 'berlin', endpoint: 'http://home:8123' }]),
    ]);
    print(`picked up after ${Math.round(await untilBodyIs('berlin', offlineBody))} ms`);
    const value = await annotation();
    expect(value).toMatch(/^[0-9a-f]{12}$/);
    // The form in which a hook call shows it, which the retrigger reads.
    const dump = JSON.stringify(await envoyGateway.configDump());
    expect(dump).toContain(`"annotations":{"offramp-generation":"${value}"}`);
  });

  it('are followed live within 2 s, by their status', async () => {
    await setOnline('berlin', true);
    await untilBodyIs('berlin', 'tunnelled\n');
    const slowest = await flip('flips by status', (online) => setOnline('berlin', online));
    expect(slowest).toBeLessThan(2_000);
  });

  it('are followed live within 2 s, by the annotation, which wins over the status', async () => {
    await setOnline('berlin', false);
    const annotate = (value: string | null) =>
      kubernetes.patch(named('berlin'), { metadata: { annotations: { [upstreamStatus]: value } } });
    const set = (online: boolean) => annotate(JSON.stringify(connectorStatus(online, 'up')));
    await set(true);
    await untilBodyIs('berlin', 'tunnelled\n');
    expect(await flip('flips by annotation', set)).toBeLessThan(2_000);
    await annotate(null);
    await setOnline('berlin', true);
    await untilBodyIs('berlin', 'tunnelled\n');
  });

  it('lead to one translation for a change that matters, and to none for another', async () => {
    await sleep(1_500);
    const before = hookCalls().length;
    await kubernetes.patch(named('berlin'), { metadata: { labels: { touched: 'yes' } } });
    await kubernetes.apply([connector('unrelated')]);
    await sleep(1_500);
    expect(hookCalls()).toHaveLength(before);
    await setOnline('berlin', false);
    await untilBodyIs('berlin', offlineBody);
    await sleep(1_500);
    expect(hookCalls()).toHaveLength(before + 1);
  });

  it('are offline when they are deleted, and online when they are made again', async () => {
    await setOnline('berlin', true);
    await untilBodyIs('berlin', 'tunnelled\n');
    await kubernetes.remove(named('berlin'));
    await untilBodyIs('berlin', offlineBody);
    await kubernetes.apply([connector('berlin')]);
    await setOnline('berlin', true);
    await untilBodyIs('berlin', 'tunnelled\n');
  });

  it('are found from a replica’s namespace by its label', async () => {
    const namespace = 'ns-0b5e7a';
    const edgePort = await freePort();
    await kubernetes.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'project' } },
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: namespace,
          labels: { 'meta.datumapis.com/upstream-namespace': 'project' },
        },
      },
      connector('oslo', 'project'),
      httpProxy('oslo', [{ connector: 'oslo', endpoint: 'http://home' }], 'project'),
      gateway(edgePort, namespace),
      backend('app', direct.port, namespace),
      httpRoute({ name: 'oslo', namespace, backends: [{ kind: 'Backend', name: 'app' }] }),
    ]);
    await untilBodyIs('oslo', offlineBody, { at: edgePort });
    await kubernetes.patchStatus(named('oslo', 'project'), connectorStatus(true, 'node-oslo'));
    await untilBodyIs('oslo', 'tunnelled\n', { at: edgePort });
    await kubernetes.remove({ ...eg, namespace });
  });

  it('are written to a Gateway once by two Offramps', async () => {
    const second = await start(0);
    const before = hookCalls().length;
    for (const online of [false, true, false, true]) {
      await setOnline('berlin', online);
      await untilBodyIs('berlin', online ? 'tunnelled\n' : offlineBody);
      await sleep(1_000);
    }
    expect(hookCalls()).toHaveLength(before + 4);
    await second.stop();
  });

  it('keep their answers while the API server is away for 30 s, and catch up then', async () => {
    await kubernetes.stopApiServer();
    await sleep(30_000);
    expect(await bodyOf('berlin')).toBe('tunnelled\n');
    const metrics = await (await fetch(`${offramp.url}/metrics`)).text();
    const age = /offramp_state_age_seconds\{source="kubernetes"\} (\d+)/.exec(metrics)?.[1];
    expect(Number(age)).toBeGreaterThanOrEqual(28);
    expect((await fetch(`${offramp.url}/readyz`)).status).toBe(200);
    await kubernetes.startApiServer();
    const started = performance.now();
    const sinceStart = () => Math.round(performance.now() - started);
    const retriggers = () => offramp.log().filter(({ msg }) => msg === 'retriggered').length;
    const before = retriggers();
    await setOnline('berlin', false);
    await waitFor('the retrigger', () => retriggers() > before, { timeoutMs: 15_000 });
    print(`retriggered ${sinceStart()} ms after the API server was back`);
    // Envoy Gateway’s own watches come back in their own time, a minute later perhaps.
    await untilBodyIs('berlin', offlineBody, { timeoutMs: 150_000 });
    print(`answered ${sinceStart()} ms after the API server was back`);
    const isCurrent = async () => {
      const text = await (await fetch(`${offramp.url}/metrics`)).text();
      return text.includes('offramp_state_age_seconds{source="kubernetes"} 0\n');
    };
    await waitFor('the state to be current', isCurrent, { timeoutMs: 20_000 });
    // Its watch of HTTPRoutes has a pause of its own; what follows counts on it.
    await kubernetes.apply([
      httpRoute({ name: 'back', backends: [{ kind: 'Backend', name: 'app' }] }),
    ]);
    await untilBodyIs('back', 'direct\n', { timeoutMs: 150_000 });
    print(`Envoy Gateway followed HTTPRoutes ${sinceStart()} ms after the API server was back`);
  }, 400_000);

  it('are in the first answer of an Offramp that was restarted while one went', async () => {
    await setOnline('berlin', true);
    await untilBodyIs('berlin', 'tunnelled\n');
    await offramp.stop();
    await setOnline('berlin', false);
    // Envoy Gateway asks at once, and waits for the answer.
    await kubernetes.apply([
      httpRoute({ name: 'lima', backends: [{ kind: 'Backend', name: 'app' }] }),
    ]);
    offramp = await start(grpcPort);
    await untilBodyIs('berlin', offlineBody);
    expect(hookCalls()[0]).toMatchObject({ connector_offline_routes: 1, clusters_replaced: 0 });
    await untilBodyIs('lima', 'direct\n');
  });

  it('stay right where RBAC forbids to patch Gateways, but for the retrigger, which says so', async () => {
    const rules = role.rules.map((rule) => ({
      ...rule,
      verbs: rule.verbs.filter((verb) => verb !== 'patch'),
    }));
    await kubernetes.apply([{ ...role, rules }]);
    await sleep(1_000);
    await setOnline('berlin', true);
    const refusal = () =>
      offramp.log().find(({ msg }) => msg.startsWith('not allowed: Gateways are not retriggered'));
    await waitFor('the refusal in the log', refusal, { timeoutMs: 10_000 });
    expect(refusal()).toMatchObject({
      permission: 'patch gateways.gateway.networking.k8s.io in namespace default',
    });
    expect(await (await fetch(`${offramp.url}/metrics`)).text()).toMatch(
      /offramp_retriggers_total\{outcome="failed"\} [1-9]/,
    );
    const verbose = await fetch(`${offramp.url}/readyz?verbose`);
    expect(verbose.status).toBe(200);
    expect(await verbose.text()).toContain('[-] retrigger: not allowed to patch gateways');
    // Any other translation brings the change.
    expect(await bodyOf('berlin')).toBe(offlineBody);
    await kubernetes.patch(eg, {
      metadata: { annotations: { 'gateway.envoyproxy.io/touched': 'yes' } },
    });
    await untilBodyIs('berlin', 'tunnelled\n');
    await kubernetes.apply([role]);
    // As it was before the refusal: whether something is to be written now is left to chance.
    await setOnline('berlin', false);
    const allowedAgain = async () =>
      (await (await fetch(`${offramp.url}/readyz?verbose`)).text()).includes('[+] retrigger');
    await waitFor('the retrigger to be allowed', allowedAgain, { timeoutMs: 60_000 });
  });

  it('are translated a few times for 100 flips in a second, with 1,000 of them loaded', async () => {
    const names = Array.from({ length: 1_000 }, (_, at) => `fleet-${at}`);
    await kubernetes.apply(names.map((name) => connector(name)));
    await kubernetes.apply(
      names.map((name) => httpProxy(name, [{ connector: name, endpoint: 'http://home' }])),
    );
    const flipped = names.slice(0, 5);
    await kubernetes.apply(
      flipped.map((name) => httpRoute({ name, backends: [{ kind: 'Backend', name: 'app' }] })),
    );
    for (const name of flipped) await untilBodyIs(name, offlineBody);
    await sleep(2_000);
    const before = hookCalls().length;
    const started = performance.now();
    for (let round = 1; round <= 20; round++) {
      await Promise.all(flipped.map((name, at) => setOnline(name, (round + at) % 2 === 0)));
      await sleep(Math.max(0, started + round * 50 - performance.now()));
    }
    print(`100 flips took ${Math.round(performance.now() - started)} ms`);
    await Promise.all(
      flipped.map((name, at) =>
        untilBodyIs(name, (20 + at) % 2 === 0 ? 'tunnelled\n' : offlineBody),
      ),
    );
    print(`right ${Math.round(performance.now() - started)} ms after the first flip`);
    await sleep(2_000);
    const translations = hookCalls().length - before;
    print(`100 flips led to ${translations} translations`);
    expect(translations).toBeLessThanOrEqual(5);
    for (const [at, name] of flipped.entries()) {
      expect(await bodyOf(name)).toBe((20 + at) % 2 === 0 ? 'tunnelled\n' : offlineBody);
    }
  });
});
