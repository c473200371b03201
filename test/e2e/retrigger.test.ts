import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  backendYaml,
  filteredRefYaml,
  gatewayYaml,
  httpRouteYaml,
  routeYaml,
} from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { isWithin, measureShares } from './support/measure-shares.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const berlin = (claimed: boolean) => ({
  connectors: claimed
    ? [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }]
    : [],
});

describe('with retrigger.folder, a change of the state file', () => {
  let folder: string;
  let upstream: Upstream;
  let oslo: Upstream;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-watched-'));
    const watched = join(folder, 'resources');
    upstream = await startHttpUpstream('berlin');
    oslo = await startHttpUpstream('oslo');
    port = await freePort();
    offramp = await startOfframpProcess(berlin(false), { retrigger: { folder: watched } });
    const parts = [
      gatewayYaml(port),
      backendYaml('berlin', upstream.port),
      httpRouteYaml('berlin', 'berlin'),
      backendYaml('oslo', oslo.port),
      routeYaml(
        'split',
        `    - backendRefs:\n${filteredRefYaml('berlin', 1)}${filteredRefYaml('oslo', 1)}`,
      ),
    ];
    gateway = await startGateway({
      resources: parts.join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
    await symlink(join(gateway.folder, 'resources'), watched);
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await upstream?.stop();
    await oslo?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const statusOf = async () => (await sendRequest({ port, host: 'berlin.example.com' })).status;
  const becomes = (status: number) =>
    waitFor(`status ${status}`, async () => (await statusOf()) === status, {
      timeoutMs: 3_000,
      intervalMs: 20,
    });

  it('reaches Envoy within three seconds, both ways, again and again', async () => {
    expect(await statusOf()).toBe(200);
    const took: number[] = [];
    for (const offline of [true, false, true, false, true]) {
      const started = performance.now();
      await offramp.writeState(berlin(offline));
      await becomes(offline ? 503 : 200);
      took.push(Math.round(performance.now() - started));
    }
    process.stderr.write(`flips took ${took.join(', ')} ms\n`);
  });

  it('that is broken changes nothing and is reported, and the next one gets through', async () => {
    const calls = offramp.log().filter(({ msg }) => msg === 'PostTranslateModify').length;
    await offramp.writeState('connectors: [{name: berlin, online: maybe}]');
    await waitFor(
      'the report',
      async () => {
        const answer = await fetch(`${offramp.url}/readyz?verbose`);
        return (await answer.text()).includes('connectors[0].online');
      },
      { timeoutMs: 3_000 },
    );
    expect(await statusOf()).toBe(503);
    expect(offramp.log().filter(({ msg }) => msg === 'PostTranslateModify')).toHaveLength(calls);
    await offramp.writeState(berlin(false));
    await becomes(200);
  });

  it('of backendRefs alone reaches Envoy too, both ways, by one translation each', async () => {
    const split = { kind: 'HTTPRoute', name: 'split', rule: 0 };
    const shares = () =>
      measureShares({ port, host: 'split.example.com', kind: 'HTTPRoute', count: 200 });
    const calls = () => offramp.log().filter(({ msg }) => msg === 'PostTranslateModify').length;
    for (const verdict of ['empty', 'ready']) {
      const before = calls();
      const expected = verdict === 'empty' ? { berlin: 100 } : { berlin: 50, oslo: 50 };
      await offramp.writeState({ backendRefs: [{ ...split, backend: 1, verdict }] });
      await waitFor(verdict, async () => isWithin(12, await shares(), expected), {
        timeoutMs: 3_000,
        intervalMs: 20,
      });
      expect(calls() - before).toBe(1);
    }
  });
});
