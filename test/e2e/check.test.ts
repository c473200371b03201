import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseDocument, stringify } from 'yaml';
import { findConfigurations } from '../../src/envoy-gateway/find-configurations.ts';
import type { Outcome } from '../../src/envoy-gateway/findings.ts';
import { type GoldenCase, goldenCases } from '../envoy-gateway/golden-cases.ts';
import { startProcess } from './support/child-process.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { testbedToolPath } from './support/testbed-cache.ts';
import { waitFor } from './support/wait-for.ts';

const outcomesOf = ({ check }: GoldenCase): ReadonlySet<Outcome | undefined> =>
  new Set(check().map(({ outcome }) => outcome));

const isFile = ({ text }: GoldenCase): boolean => /^kind: EnvoyGateway$/m.test(text);

describe('whether Envoy Gateway starts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-check-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Without a cluster it ends either way; what it says first tells whether it took the file. */
  async function isAccepted(name: string, text: string): Promise<boolean> {
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, text);
    const server = await startProcess({
      name: 'envoy-gateway',
      command: testbedToolPath('envoy-gateway'),
      args: ['server', '--config-path', file],
      env: { KUBECONFIG: join(folder, 'none'), KUBERNETES_SERVICE_HOST: '' },
    });
    await waitFor('envoy-gateway to end', server.ending, { timeoutMs: 20_000, intervalMs: 20 });
    return server.log().includes('Start runners');
  }

  const cases = goldenCases().filter(isFile);

  it.each(cases.map((one): [string, GoldenCase] => [one.name, one]))(
    'with %s is as check says',
    async (name, one) => {
      // A file provider would make it start in earnest.
      const document = parseDocument(one.text, { version: '1.1' });
      const isStandalone = document.errors.length === 0 && document.delete('provider');
      const text = isStandalone ? String(document) : one.text;
      const codes = one.check().map(({ code }) => code);
      const refused = outcomesOf(one).has('refused') || codes.includes('invalid-yaml');
      expect(await isAccepted(name, text)).toBe(!refused);
    },
  );

  it('has cases of both sorts', () => {
    const refused = cases.filter((one) => outcomesOf(one).has('refused'));
    expect(refused.length).toBeGreaterThan(10);
    expect(cases.length - refused.length).toBeGreaterThan(20);
  });
});

describe('what a running Envoy Gateway does', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    const port = await freePort();
    gateway = await startGateway({
      resources: [gatewayYaml(port), backendYaml('app', 9), httpRouteYaml('berlin', 'app')].join(
        '---\n',
      ),
      awaitPorts: [],
    });
  });
  afterAll(() => gateway?.stop());

  /** What Envoy Gateway logs from its next translation with this extension manager on. */
  async function logWith(extensionManager: unknown, pattern: RegExp): Promise<string> {
    const file = join(gateway.folder, 'envoy-gateway.yaml');
    const configuration: unknown = parse(await readFile(file, 'utf8'));
    const before = gateway.logs().length;
    await writeFile(
      `${file}.new`,
      stringify(Object.assign({}, configuration, { extensionManager })),
    );
    await rename(`${file}.new`, file);
    const started = () => gateway.logs().indexOf('Start runners', before);
    await waitFor('a fresh start', () => started() >= 0, { timeoutMs: 20_000 });
    const since = () => gateway.logs().slice(started());
    await waitFor(`${pattern} in the log`, () => pattern.test(since()), { timeoutMs: 20_000 });
    return since();
  }

  const failing = goldenCases().filter(
    (one) => isFile(one) && outcomesOf(one).has('fails') && !outcomesOf(one).has('refused'),
  );

  it.each(failing.map((one): [string, GoldenCase] => [one.name, one]))(
    'with %s is to fail each translation, as check says',
    async (_name, { text }) => {
      const [found] = findConfigurations('envoy-gateway.yaml', text).configurations;
      const manager = found?.content.extensionManager;
      const failsOpen = typeof manager === 'object' && manager !== null && 'failOpen' in manager;
      const pattern = failsOpen
        ? /Extension Manager PostTranslation failure/
        : /failed to translate xds ir/;
      const log = await logWith(manager, pattern);
      if (failsOpen) expect(log).not.toMatch(/failed to translate xds ir.*invalid/i);
    },
  );

  it('has cases', () => {
    expect(failing.length).toBeGreaterThanOrEqual(6);
  });

  it('with service-port-missing is to wait, as check says', async () => {
    const one = goldenCases().find(({ name }) => name === 'service-port-missing');
    expect(one?.check().map(({ outcome }) => outcome)).toEqual(['waits']);
    const { extensionManager } = parse(one?.text ?? '');
    const asked = /xds\s+runner\/runner\.go:\d+\s+received an update/;
    expect(await logWith(extensionManager, asked)).not.toMatch(/failed to translate/);
    await sleep(3_000);
    const log = gateway.logs().slice(gateway.logs().lastIndexOf('Start runners'));
    expect(log).toMatch(asked);
    expect(log).not.toMatch(/failed to translate/);
  });
});

it('answers, with every hook subscribed, as with the one that Offramp acts on', async () => {
  const port = await freePort();
  const offramp = await startOfframpProcess({
    connectors: [{ name: 'b', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
  });
  let gateway: RunningGateway | undefined;
  try {
    const manager = recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port });
    const post = ['VirtualHost', 'Route', 'HTTPListener', 'Cluster', 'Endpoints', 'Translation'];
    const { hooks } = parse(stringify(manager));
    hooks.xdsTranslator.post = post;
    gateway = await startGateway({
      resources: [gatewayYaml(port), backendYaml('app', 9), httpRouteYaml('berlin', 'app')].join(
        '---\n',
      ),
      extensionManager: { ...manager, hooks },
    });
    const response = await sendRequest({ port, host: 'berlin.example.com' });
    expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const metrics = await (await fetch(`${offramp.url}/metrics`)).text();
    for (const rpc of ['PostVirtualHostModify', 'PostHTTPListenerModify', 'PostEndpointsModify']) {
      expect(metrics).toMatch(
        new RegExp(`grpc_server_handled_total\\{[^}]*grpc_method="${rpc}"[^}]*OK[^}]*\\} [1-9]`),
      );
    }
    for (const rpc of ['PostRouteModify', 'PostClusterModify']) {
      expect(metrics).not.toMatch(new RegExp(`grpc_method="${rpc}"[^}]*\\} [1-9]`));
    }
  } finally {
    await gateway?.stop();
    await offramp.stop();
  }
});
