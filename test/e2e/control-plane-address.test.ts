import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHttpsUpstream } from './support/byte-upstreams.ts';
import { type Certificate, makeCertificate } from './support/certificate.ts';
import { fetchText } from './support/envoy-admin.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type RecordingServer, startVm } from './support/fallback-kernel/servers.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import type { Listening } from './support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';

let folder: string;
let port: number;
let vm: RecordingServer;
let trusted: Listening;
let untrusted: Listening;
let offramp: OfframpProcess;
let gateway: RunningGateway;

async function start(controlPlane: Listening): Promise<void> {
  await gateway?.stop();
  await offramp?.stop();
  const tls = { sni: 'control.example.com', caFile: join(folder, 'ca.pem') };
  offramp = await startOfframpProcess(
    {},
    {
      controlPlaneFallback: {
        routes: [{ name: 'vm' }],
        controlPlane: { host: 'localhost', port: controlPlane.port, tls },
      },
    },
  );
  gateway = await startGateway({
    resources: [gatewayYaml(port), backendYaml('vm', vm.port), httpRouteYaml('vm', 'vm')].join(
      '---\n',
    ),
    extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
  });
}

const fallBack = () => {
  const headers = { host: 'vm.example.com', 'x-case': 'gone' };
  return ask(port, { path: eventsOf(randomUUID()), headers });
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-'));
  port = await freePort();
  vm = await startVm();
  const certificate: Certificate = await makeCertificate('control.example.com');
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
  trusted = await startHttpsUpstream('control plane', certificate);
  untrusted = await startHttpsUpstream('impostor', await makeCertificate('control.example.com'));
});

afterAll(async () => {
  await gateway?.stop();
  await offramp?.stop();
  for (const one of [vm, trusted, untrusted]) await one?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

it('asks a control plane that is given by its address, over TLS', async () => {
  await start(trusted);
  expect(await fallBack()).toMatchObject({ status: 200, body: 'control plane\n' });
});

it('does not ask one whose certificate is of another CA', async () => {
  await start(untrusted);
  expect(await fallBack()).toMatchObject({ status: 503 });
  const stats = await fetchText(gateway.envoyAdmin, '/stats?filter=fail_verify_error');
  expect(stats).toMatch(/offramp-control-plane-[0-9a-f]+\.ssl\.fail_verify_error: [1-9]/);
});
