import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const state = {
  connectors: [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
};

describe('Envoy Gateway, when its configuration file changes while it runs', () => {
  const figures: string[] = [];
  let upstream: Upstream;
  let port: number;
  let grpcPort: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let whole: string;

  beforeAll(async () => {
    upstream = await startHttpUpstream('app');
    [port, grpcPort] = [await freePort(), await freePort()];
    offramp = await startHere();
    gateway = await startGateway({
      resources: resources(),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: grpcPort }),
    });
    whole = await readFile(configurationFile(), 'utf8');
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await upstream?.stop();
    process.stdout.write(figures.map((line) => `${line}\n`).join(''));
  });

  it('goes on without Offramp when extensionManager goes, and with it when that is back', async () => {
    await becomes('berlin', 503);
    await takeOut();
    await becomes('berlin', 200);
    await putBack();
    await becomes('berlin', 503);
  });

  it('keeps the configuration that it has when the new one is broken', async () => {
    await writeFile(configurationFile(), whole.replace('kind: EnvoyGateway', 'kind: Gateway'));
    await gateway.updateResources(resources('oslo'));
    await becomes('oslo', 200);
    expect(await statusOf('berlin')).toBe(503);
  });

  it.each([
    ['killed', 'SIGKILL', 'first'],
    ['that hangs', 'SIGSTOP', 'second'],
  ] as const)('stops waiting for an Offramp %s', async (how, signal, route) => {
    process.kill(offramp.pid, signal);
    await gateway.updateResources(resources(route));
    // Longer than the change would take.
    await sleep(3_000);
    expect(await statusOf(route)).toBe(404);
    const started = Date.now();
    await takeOut();
    await becomes(route, 200);
    await becomes('berlin', 200);
    figures.push(`Offramp ${how}: live ${Date.now() - started} ms after extensionManager went`);

    if (signal === 'SIGSTOP') process.kill(offramp.pid, 'SIGKILL');
    await offramp.stop();
    offramp = await startHere();
    await putBack();
    await becomes('berlin', 503);
  });

  const configurationFile = () => join(gateway.folder, 'envoy-gateway.yaml');

  function startHere(): Promise<OfframpProcess> {
    return startOfframpProcess(state, { grpc: { address: `127.0.0.1:${grpcPort}` } });
  }

  async function takeOut(): Promise<void> {
    const { extensionManager: _, ...rest } = z.looseObject({}).parse(parse(whole));
    await writeFile(configurationFile(), stringify(rest));
  }

  async function putBack(): Promise<void> {
    await writeFile(configurationFile(), whole);
  }

  function resources(...added: readonly string[]): string {
    const routes = ['berlin', ...added].map((name) => httpRouteYaml(name, 'app'));
    return [gatewayYaml(port), backendYaml('app', upstream.port), ...routes].join('---\n');
  }

  async function statusOf(route: string): Promise<number> {
    return (await sendRequest({ port, host: `${route}.example.com` })).status;
  }

  async function becomes(route: string, status: number): Promise<void> {
    await waitFor(`${route} to answer ${status}`, async () => (await statusOf(route)) === status, {
      timeoutMs: 30_000,
      intervalMs: 20,
    });
  }
});
