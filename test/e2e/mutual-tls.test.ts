import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type KeyPair, makeAuthority } from '../support/authority.ts';
import { connectExtension, tlsCredentials } from '../support/extension-connection.ts';
import { type MountedSecret, mountSecretUntilRemoved } from '../support/mounted-secret.ts';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds } from './support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { backend, gateway, gatewayClass, httpRoute } from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { startCalls } from './support/steady-calls.ts';
import { startSteadyTraffic } from './support/steady-traffic.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const namespace = 'offramp-system';
const clientName = 'envoy-gateway.envoy-gateway-system.svc';
const tls = {
  certificateRef: { name: 'offramp-ca', namespace },
  clientCertificateRef: { name: 'envoy-gateway-client', namespace },
};

let authority: Authority;
let secret: MountedSecret;
let kubernetes: RunningKubernetes;
let upstream: Upstream;
let offramp: OfframpProcess;
let envoyGateway: RunningEnvoyGateway;
let port: number;
let offrampPort: number;

beforeAll(async () => {
  authority = await makeAuthority('offramp-ca');
  secret = mountSecretUntilRemoved(await serverFiles(authority));
  upstream = await startHttpUpstream('app');
  [port, offrampPort] = [await freePort(), await freePort()];
  kubernetes = await startKubernetes();
  await installGatewayCrds(kubernetes);
  await kubernetes.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  await showEnvoyGateway(await clientPair(), authority.cert);
  await kubernetes.apply([
    gatewayClass(),
    gateway(port),
    backend('app', upstream.port),
    httpRoute({ name: 'oslo', backends: [{ kind: 'Backend', name: 'app' }] }),
    httpRoute({ name: 'berlin', backends: [{ kind: 'Backend', name: 'app' }] }),
  ]);
  offramp = await startOfframp();
  envoyGateway = await startGatewayOnKubernetes({ kubernetes, extensionManager: manager(tls) });
});

afterAll(async () => {
  await envoyGateway?.stop();
  await offramp?.stop();
  await kubernetes?.stop();
  await upstream?.stop();
  if (secret !== undefined) await rm(secret.folder, { recursive: true, force: true });
});

function manager(itsTls: object): Readonly<Record<string, unknown>> {
  const address = { host: 'localhost', port: offrampPort };
  const { service, ...rest } = recommendedExtensionManager(address);
  return { ...rest, service: { ...Object(service), tls: itsTls } };
}

async function serverFiles(
  by: Authority,
  clientCA: string = by.cert,
): Promise<Readonly<Record<string, string>>> {
  const pair = await by.issue({ dns: ['localhost'] });
  return { 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': clientCA };
}

const clientPair = (by = authority, ends?: Date): Promise<KeyPair> =>
  by.issue({ dns: [clientName], ...(ends === undefined ? {} : { ends }) });

/** What Envoy Gateway shows, and whom it trusts. */
async function showEnvoyGateway(pair: KeyPair, ca: string): Promise<void> {
  const secretOf = (name: string, data: Readonly<Record<string, string>>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    data: Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
    ),
  });
  await kubernetes.apply([
    secretOf('offramp-ca', { 'tls.crt': ca }),
    secretOf('envoy-gateway-client', { 'tls.crt': pair.cert, 'tls.key': pair.key }),
  ]);
}

function startOfframp({ asksClients = true } = {}): Promise<OfframpProcess> {
  const at = (file: string) => join(secret.folder, file);
  const state = {
    connectors: [
      { name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] },
    ],
  };
  return startOfframpProcess(state, {
    grpc: {
      address: `127.0.0.1:${offrampPort}`,
      tls: {
        certFile: at('tls.crt'),
        keyFile: at('tls.key'),
        ...(asksClients ? { clientCAFile: at('ca.crt'), allowedSANs: [clientName] } : {}),
      },
    },
  });
}

/** Has Envoy Gateway connect anew: certificates are looked at when a connection begins. */
async function restartOfframp(its: { readonly asksClients?: boolean } = {}): Promise<void> {
  await offramp.stop();
  offramp = await startOfframp(its);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${offramp.url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}

const statusOf = async (name: string) =>
  (await sendRequest({ port, host: `${name}.example.com` })).status;

let routes = 0;

/** Adds a route, and answers how to wait until Envoy has it. */
async function change(): Promise<() => Promise<void>> {
  const name = `route-${++routes}`;
  await kubernetes.apply([httpRoute({ name, backends: [{ kind: 'Backend', name: 'app' }] })]);
  return async () => {
    await waitFor(`${name} to be live`, async () => (await statusOf(name)) === 200, {
      timeoutMs: 90_000,
      intervalMs: 100,
    });
  };
}

const connectAnew = async () =>
  connectExtension(
    `127.0.0.1:${offrampPort}`,
    tlsCredentials(authority.cert, await clientPair()),
    'localhost',
  );

function report(what: string, figures: object): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

/** What users of the gateway got meanwhile: of a route with a backend, and of one to an offline connector. */
async function watchUsers(
  work: () => Promise<void>,
): Promise<{ readonly sent: number; readonly wrong: readonly string[] }> {
  const { body } = await sendRequest({ port, host: 'oslo.example.com' });
  const right = [
    { port, host: 'oslo.example.com', status: 200, body },
    { port, host: 'berlin.example.com', status: 503, body: 'Tunnel not online' },
  ];
  const traffic = startSteadyTraffic(right, 20);
  try {
    await work();
  } finally {
    await traffic.stop();
  }
  return { sent: traffic.sent(), wrong: traffic.wrong() };
}

const connections = 'offramp_connections{port="grpc"}';
const refused = (reason: string) =>
  `offramp_connections_refused_total{port="grpc",reason="${reason}"}`;

describe('an Envoy Gateway that calls Offramp by mutual TLS', () => {
  it('publishes what Offramp answers', async () => {
    const offline = await sendRequest({ port, host: 'berlin.example.com' });
    expect(offline).toMatchObject({ status: 503, body: 'Tunnel not online' });
    expect(await metric(connections)).toBe(1);
  });

  it('notices nothing when certificates change while it calls', async () => {
    const before = await metric('offramp_hook_calls_total{outcome="ok"}');
    const rotations = 6;
    const load = startCalls(connectAnew);
    const { sent, wrong } = await watchUsers(async () => {
      for (let rotation = 1; rotation <= rotations; rotation++) {
        secret.mount(await serverFiles(authority));
        await showEnvoyGateway(await clientPair(), authority.cert);
        const live = await change();
        await waitFor(
          'the new certificate to be used',
          async () => (await metric('offramp_tls_reloads_total')) === rotation,
          { timeoutMs: 10_000 },
        );
        await live();
      }
    });
    const { made, failed } = await load.stop();
    expect(sent).toBeGreaterThan(50);
    expect(wrong).toEqual([]);
    expect(made).toBeGreaterThan(50);
    expect(failed).toEqual([]);
    const calls = (await metric('offramp_hook_calls_total{outcome="ok"}')) - before;
    report(`${rotations} rotations`, { sent, wrong: wrong.length, made, failed: failed.length });
    expect(calls).toBeGreaterThanOrEqual(rotations + made);
    const handled = await (await fetch(`${offramp.url}/metrics`)).text();
    expect(handled).not.toMatch(/grpc_code="(?!OK")/);
    expect(handled.match(/offramp_connections_refused_total\{port="grpc".*\} [1-9]/g)).toBeNull();
    await waitFor('ours to be closed', async () => (await metric(connections)) === 1, {
      timeoutMs: 5000,
    });
    // Once more with the last ones, by a new connection.
    await restartOfframp();
    await (await change())();
  });

  it('follows a change of the CA on both sides', async () => {
    const next = await makeAuthority('offramp-ca-2');
    const both = `${authority.cert}\n${next.cert}`;
    const pair = await clientPair();
    secret.mount(await serverFiles(authority, both));
    await showEnvoyGateway(pair, both);
    await sleep(1500);
    await restartOfframp();
    await (await change())();
    secret.mount(await serverFiles(next, both));
    await showEnvoyGateway(await clientPair(next), both);
    await sleep(1500);
    await restartOfframp();
    await (await change())();
    authority = next;
    secret.mount(await serverFiles(next));
    await showEnvoyGateway(await clientPair(), next.cert);
    await restartOfframp();
    await (await change())();
    expect(await metric(connections)).toBe(1);
  });

  it.each<[string, string, () => Promise<KeyPair>]>([
    [
      'of another CA',
      'untrusted-certificate',
      async () => clientPair(await makeAuthority('offramp-ca')),
    ],
    [
      'that has ended',
      'expired-certificate',
      () => clientPair(authority, new Date(Date.now() - 1000)),
    ],
    ['of another name', 'not-allowed', () => authority.issue({ dns: ['other.svc'] })],
  ])(
    'is refused with a certificate %s, visibly, until it has a right one',
    async (_, reason, bad) => {
      const { sent, wrong } = await watchUsers(async () => {
        await showEnvoyGateway(await bad(), authority.cert);
        await restartOfframp();
        const live = await change();
        await waitFor('a refusal', async () => (await metric(refused(reason))) > 0, {
          timeoutMs: 60_000,
        });
        expect(offramp.log()).toContainEqual(
          expect.objectContaining({ msg: 'connection refused', reason, peer: expect.any(String) }),
        );
        expect(await statusOf(`route-${routes}`)).toBe(404);
        await showEnvoyGateway(await clientPair(), authority.cert);
        await live();
      });
      report(reason, { sent, wrong: wrong.length });
      expect(sent).toBeGreaterThan(20);
      expect(wrong).toEqual([]);
    },
  );

  it('does not call an Offramp whose certificate it does not trust', async () => {
    const { sent, wrong } = await watchUsers(async () => {
      secret.mount(await serverFiles(await makeAuthority('offramp-ca'), authority.cert));
      await restartOfframp();
      const live = await change();
      await waitFor('a refusal', async () => (await metric(refused('handshake-failed'))) > 0, {
        timeoutMs: 60_000,
      });
      expect(await statusOf(`route-${routes}`)).toBe(404);
      secret.mount(await serverFiles(authority));
      await live();
    });
    report('a server certificate of another CA', { sent, wrong: wrong.length });
    expect(sent).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });

  it('keeps being answered when the new certificate is swapped with another, or has ended', async () => {
    const [pair, other] = [await authority.issue({ dns: ['localhost'] }), await clientPair()];
    const ended = await authority.issue({ dns: ['localhost'], ends: new Date(Date.now() - 1000) });
    const unusable = [
      { 'tls.crt': pair.cert, 'tls.key': other.key },
      { 'tls.crt': ended.cert, 'tls.key': ended.key },
      { 'tls.crt': pair.cert.slice(0, 200), 'tls.key': pair.key },
    ];
    const before = await metric('offramp_tls_reload_errors_total');
    const load = startCalls(connectAnew);
    const { sent, wrong } = await watchUsers(async () => {
      for (const [index, files] of unusable.entries()) {
        secret.mount({ ...files, 'ca.crt': authority.cert });
        await waitFor(
          'the files to be refused',
          async () => (await metric('offramp_tls_reload_errors_total')) === before + index + 1,
          { timeoutMs: 10_000 },
        );
        await (await change())();
      }
    });
    const { made, failed } = await load.stop();
    report('unusable certificates', { sent, wrong: wrong.length, made, failed: failed.length });
    expect(wrong).toEqual([]);
    expect(failed).toEqual([]);
    secret.mount(await serverFiles(authority));
    await waitFor('good ones', async () => (await metric('offramp_tls_reloads_total')) > 0, {
      timeoutMs: 10_000,
    });
  });
});

describe('an Envoy Gateway without a certificate', () => {
  it('is refused by an Offramp that asks for one, visibly, until it does not', async () => {
    await envoyGateway.stop();
    await restartOfframp({ asksClients: false });
    const { certificateRef } = tls;
    const extensionManager = manager({ certificateRef });
    envoyGateway = await startGatewayOnKubernetes({ kubernetes, extensionManager });
    // Offramp changes and Envoy Gateway does not: it would start its Envoy over with itself.
    const { sent, wrong } = await watchUsers(async () => {
      await restartOfframp();
      const live = await change();
      await waitFor('refusals', async () => (await metric(refused('no-certificate'))) > 2, {
        timeoutMs: 60_000,
      });
      expect(await metric('offramp_hook_calls_total{outcome="ok"}')).toBe(0);
      expect(await statusOf(`route-${routes}`)).toBe(404);
      await restartOfframp({ asksClients: false });
      await live();
    });
    report('no-certificate', { sent, wrong: wrong.length });
    expect(sent).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });
});
