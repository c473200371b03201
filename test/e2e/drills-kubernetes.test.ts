import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../support/authority.ts';
import type { StartedProcess } from './support/child-process.ts';
import { DrillLog } from './support/drills/drill-log.ts';
import { makeOfframpPlace, type OfframpPlace } from './support/drills/offramp-place.ts';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installDatumCrds, installGatewayCrds } from './support/kubernetes/crds.ts';
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
import { sendRequest } from './support/send-request.ts';
import { type SteadyTraffic, startSteadyTraffic } from './support/steady-traffic.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const namespace = 'default';
const berlin = {
  apiVersion: 'networking.datumapis.com/v1alpha1',
  kind: 'Connector',
  name: 'berlin',
};

/** Milliseconds in which Offramp notices. */
const soon = { timeoutMs: 20_000, intervalMs: 50 };
/** Milliseconds; the watches of Envoy Gateway come back in their own time, a minute later perhaps. */
const atLast = { timeoutMs: 150_000, intervalMs: 50 };

let authority: Authority;
let certificates: string;
let upstream: Upstream;
let kubernetes: RunningKubernetes;
let place: OfframpPlace;
let offramp: StartedProcess;
let envoyGateway: RunningEnvoyGateway;
let traffic: SteadyTraffic;
let log: DrillLog;
let port: number;
let changes = 0;

beforeAll(async () => {
  authority = await makeAuthority('drills');
  certificates = await mkdtemp(join(tmpdir(), 'offramp-certificates-'));
  upstream = await startHttpUpstream('app');
  port = await freePort();
  kubernetes = await startKubernetes();
  await installGatewayCrds(kubernetes);
  await installDatumCrds(kubernetes);
  const client = await authority.issue({ dns: ['envoy-gateway'] });
  await kubernetes.apply([
    secret('offramp-ca', { 'tls.crt': authority.cert }),
    secret('envoy-gateway-client', { 'tls.crt': client.cert, 'tls.key': client.key }),
    gatewayClass(),
    gateway(port),
    backend('app', upstream.port),
    httpRoute({ name: 'healthy', backends: [{ kind: 'Backend', name: 'app' }] }),
    httpRoute({ name: 'berlin', backends: [{ kind: 'Backend', name: 'app' }] }),
    httpProxy('berlin', [{ connector: 'berlin', endpoint: 'http://127.0.0.1:8080' }]),
    connector('berlin'),
  ]);
  await kubernetes.patchStatus(berlin, connectorStatus(false, 'node-berlin'));
  await issueCertificate();
  place = await makeOfframpPlace({
    tls: {
      certFile: join(certificates, 'tls.crt'),
      keyFile: join(certificates, 'tls.key'),
      clientCAFile: join(certificates, 'ca.crt'),
    },
    state: { kubernetes: { kubeconfig: kubernetes.kubeconfig } },
  });
  await place.restore();
  offramp = await place.start();
  envoyGateway = await startGatewayOnKubernetes({ kubernetes, extensionManager: manager() });
  const at = (host: string) => ({ port, host: `${host}.example.com` });
  traffic = startSteadyTraffic(
    [
      { ...at('healthy'), status: 200, body: 'app\n' },
      { ...at('berlin'), status: 503, body: 'Tunnel not online' },
    ],
    25,
  );
  log = new DrillLog(traffic);
});

afterAll(async () => {
  await traffic?.stop();
  await envoyGateway?.stop();
  await offramp?.stop();
  await place?.remove();
  await kubernetes?.stop();
  await upstream?.stop();
  if (certificates !== undefined) await rm(certificates, { recursive: true, force: true });
  log?.print();
});

function secret(name: string, data: Readonly<Record<string, string>>) {
  const encoded = Object.entries(data).map(([key, text]) => [key, btoa(text)]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    data: Object.fromEntries(encoded),
  };
}

function manager(): Readonly<Record<string, unknown>> {
  const { service, ...rest } = recommendedExtensionManager({
    host: 'localhost',
    port: place.grpcPort,
  });
  const tls = {
    certificateRef: { name: 'offramp-ca', namespace },
    clientCertificateRef: { name: 'envoy-gateway-client', namespace },
  };
  return { ...rest, service: { ...Object(service), tls } };
}

/** Offramp's own certificate; without `ends` it is good for days. */
async function issueCertificate(ends?: Date): Promise<void> {
  const claims = { dns: ['localhost'], ...(ends === undefined ? {} : { ends }) };
  const { cert, key } = await authority.issue(claims);
  const files = { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(certificates, name), text, { mode: 0o600 });
  }
}

/** Adds a route, which takes a hook call; answers its name. */
async function change(): Promise<string> {
  const name = `change-${++changes}`;
  await kubernetes.apply([httpRoute({ name, backends: [{ kind: 'Backend', name: 'app' }] })]);
  return name;
}

async function isLive(route: string): Promise<boolean> {
  return (await sendRequest({ port, host: `${route}.example.com` })).status === 200;
}

/** Milliseconds until Envoy has it. */
async function untilLive(route: string): Promise<number> {
  const started = performance.now();
  await waitFor(`${route} to be live`, () => isLive(route), atLast);
  return Math.round(performance.now() - started);
}

async function killOfframp(): Promise<void> {
  process.kill(offramp.pid, 'SIGKILL');
  await offramp.stop();
}

const stateAge = () => place.metric('offramp_state_age_seconds{source="kubernetes"}');

describe('Offramp’s own certificate', () => {
  it('that ends while it is in use: calls go on, and new connections wait for another one', async () => {
    const figures = await log.during('certificate of Offramp ends while in use', async (tell) => {
      const reloads = await place.metric('offramp_tls_reloads_total');
      const ends = new Date(Date.now() + 6_000);
      await issueCertificate(ends);
      const isUsed = async () => (await place.metric('offramp_tls_reloads_total')) > reloads;
      await waitFor('the certificate to be used', isUsed, soon);
      // A new connection, by the certificate that is about to end.
      await killOfframp();
      offramp = await place.start();
      await untilLive(await change());
      await sleep(Math.max(0, ends.getTime() + 2_000 - Date.now()));
      tell(`after its end a change is live within ${await untilLive(await change())} ms`);

      await killOfframp();
      const held = await change();
      offramp = await place.start();
      expect(offramp.log()).toContain('the certificates in use are not valid now');
      await sleep(2_000);
      expect(await isLive(held)).toBe(false);
      await issueCertificate();
      tell(`one that was held back ${await untilLive(held)} ms after there is a new one`);
    });
    expect(figures.wrong).toEqual([]);
    expect(figures.sent).toBeGreaterThan(100);
  }, 240_000);
});

describe('the API server', () => {
  it('away: the last known state stays, and an Offramp that starts meanwhile waits for it', async () => {
    const running = await log.during('API server away', async (tell) => {
      await kubernetes.stopApiServer();
      await sleep(8_000);
      const age = await stateAge();
      tell(`the age of the state is ${age.toFixed(1)} s`);
      expect(age).toBeGreaterThan(4);
      expect((await place.get('/readyz')).status).toBe(200);
    });
    const restarted = await log.during('API server away, and Offramp killed', async (tell) => {
      await killOfframp();
      offramp = await place.launch();
      const refusal = async () => {
        const { status, text } = await place.get('/readyz');
        return status === 503 && text;
      };
      expect(await waitFor('/readyz to refuse', refusal, soon)).toMatch(
        /^not ready: grpc: not bound yet; state/,
      );
      await sleep(4_000);
      expect(offramp.log()).not.toContain('"serving"');
      await kubernetes.startApiServer();
      const started = performance.now();
      const held = await change();
      const isReady = async () => (await place.get('/readyz')).status === 200;
      await waitFor('Offramp to be ready', isReady, soon);
      tell(`ready ${Math.round(performance.now() - started)} ms after the API server is back`);
      tell(`a change is live ${await untilLive(held)} ms after that`);
    });
    expect([...running.wrong, ...restarted.wrong]).toEqual([]);
    expect(restarted.sent).toBeGreaterThan(100);
  }, 240_000);
});
