import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Certificate, makeCertificate } from './support/certificate.ts';
import { fetchJson, fetchText } from './support/envoy-admin.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { FALLBACK_HOST, fallbackResources, SPLIT_HOST } from './support/fallback-gateway.ts';
import { ask, askHttp2, eventsOf } from './support/fallback-kernel/ask.ts';
import {
  type RecordingServer,
  startControlPlane,
  startVm,
} from './support/fallback-kernel/servers.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { PROTOCOL_HEADER, startHttp3Client } from './support/http3-client.ts';
import type { Listening } from './support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';

const dumpSchema = z.object({
  configs: z.array(z.object({ name: z.string(), active_state: z.unknown() })),
});

const plainHost = `plain.${FALLBACK_HOST}`;
const gone = { 'x-case': 'gone' };

/** What Envoy remembers outlives this test, so no two sessions may be the same. */
const newSession = (): string => randomUUID();

describe('the control-plane fallback behind a real Envoy Gateway', () => {
  const ports = { http: 0, https: 0, vm: 0, otherVm: 0, controlPlane: 0 };
  let certificate: Certificate;
  let vm: RecordingServer;
  let otherVm: RecordingServer;
  let controlPlane: RecordingServer;
  let http3: Listening;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    certificate = await makeCertificate(FALLBACK_HOST, plainHost, SPLIT_HOST);
    vm = await startVm();
    otherVm = await startVm();
    controlPlane = await startControlPlane();
    Object.assign(ports, {
      http: await freePort(),
      https: await freePort(),
      vm: vm.port,
      otherVm: otherVm.port,
      controlPlane: controlPlane.port,
    });
    offramp = await startOfframpProcess(
      {},
      {
        controlPlaneFallback: {
          routes: [{ name: 'vm' }, { name: 'split' }],
          controlPlane: { cluster: 'httproute/default/api/rule/0' },
        },
      },
    );
    gateway = await startGateway({
      resources: fallbackResources(ports, certificate),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
    const target = { port: ports.https, serverName: FALLBACK_HOST, ca: certificate.cert };
    http3 = await startHttp3Client(target);
  });

  afterAll(async () => {
    await http3?.stop();
    await gateway?.stop();
    await offramp?.stop();
    for (const one of [vm, otherVm, controlPlane]) await one?.stop();
  });

  beforeEach(() => {
    for (const one of [vm, otherVm, controlPlane]) one.take();
  });

  interface Sent {
    readonly path: string;
    readonly host?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
  }
  const overHttp = ({ host = FALLBACK_HOST, headers, ...sent }: Sent) =>
    ask(ports.http, { ...sent, headers: { host, ...headers } });
  const overHttp2 = ({ host = FALLBACK_HOST, headers, ...sent }: Sent) =>
    askHttp2(ports.http, { ...sent, headers: { ':authority': host, ...headers } });
  const overHttps = (sent: Sent) =>
    sendRequest({ host: FALLBACK_HOST, ...sent, port: ports.https, ca: certificate.cert });
  const overHttp3 = async (sent: Sent) => {
    const answer = await sendRequest({ host: FALLBACK_HOST, ...sent, port: http3.port });
    expect(answer.headers[PROTOCOL_HEADER]).toBe('HTTP/3');
    return answer;
  };

  it('is accepted by Envoy Gateway and Envoy, on TCP and QUIC', async () => {
    const rejected = await fetchText(gateway.envoyAdmin, '/stats?filter=update_rejected');
    expect(rejected).toMatch(/rds\..*update_rejected: 0/);
    expect(rejected).not.toMatch(/update_rejected: [1-9]/);
    const dump = await fetchJson(gateway.envoyAdmin, '/config_dump?resource=dynamic_listeners');
    const configs = dumpSchema
      .parse(dump)
      .configs.filter(({ name }) => name.startsWith('default/eg/'));
    expect(configs.map(({ name }) => name).sort()).toEqual([
      'default/eg/http',
      'default/eg/https',
      'default/eg/https-quic',
    ]);
    for (const { active_state: active } of configs) {
      const text = JSON.stringify(active);
      for (const name of ['entered', 'fallback', 'strip', 'listener']) {
        expect(text.split(`{"name":"offramp.${name}"`)).toHaveLength(2);
      }
    }
    const added = offramp.log().filter(({ fallback_routes: routes }) => routes === 4);
    expect(added.length).toBeGreaterThan(0);
  });

  it.each([
    ['HTTP/1.1', overHttp],
    ['HTTP/2', overHttp2],
    ['HTTPS', overHttps],
    ['HTTP/3', overHttp3],
  ])('replays a confirmed GET to the control plane, as the client sent it: %s', async (_, send) => {
    const query = '?a=%2F&b=c+d';
    const path = eventsOf(newSession());
    const headers = { ...gone, authorization: 'Bearer of-the-client', 'x-own': 'kept' };
    const answer = await send({ path: `${path}${query}&jwt=own`, headers });
    expect(answer).toMatchObject({ status: 200, body: 'control plane' });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    const asked = vm.take();
    expect(asked.map((request) => request.path)).toEqual([
      `${path.replace('/browsers', '/in-the-vm')}${query}&jwt=own`,
    ]);
    expect(pairsOf(asked[0]?.headers)).toMatchObject({
      authorization: 'Bearer of-the-vm',
      host: 'vm.internal',
    });
    const replayed = controlPlane.take();
    expect(replayed.map((request) => request.path)).toEqual([path + query]);
    const received = pairsOf(replayed[0]?.headers);
    expect(received).toMatchObject({
      host: FALLBACK_HOST,
      authorization: 'Bearer of-the-client',
      'x-own': 'kept',
    });
    expect(Object.keys(received).filter((name) => /^x-(?:offramp|only)/.test(name))).toEqual([]);
  });

  it('sends a remembered session to the control plane, whatever its listener and method', async () => {
    const session = newSession();
    await overHttp({ path: eventsOf(session), headers: gone });
    vm.take();
    controlPlane.take();
    const path = `/browsers/${session}/process`;
    for (const send of [overHttp, overHttp2, overHttps, overHttp3]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expect(await send({ path: `${path}?jwt=own&x=1`, method })).toMatchObject({ status: 200 });
      }
    }
    expect(vm.take()).toEqual([]);
    expect(controlPlane.take().map((request) => request.path)).toEqual(
      Array(12).fill(`${path}?x=1`),
    );
    const live = await overHttp({ path: `/browsers/${newSession()}/process` });
    expect(live.body).toBe('vm');
  });

  it('takes no path for a session’s that ends with the id', async () => {
    const session = newSession();
    await overHttp({ path: eventsOf(session), headers: gone });
    expect(await overHttp({ path: `/browsers/${session}` })).toMatchObject({ body: 'vm' });
  });

  it.each([
    ['another code', 'other-code', {}],
    ['an answer that is too long', 'long', {}],
    ['one of unknown length that is too long', 'long-chunked', {}],
    ['a redirect of the VM’s own', 'own-redirect', {}],
    ['a forged redirect', 'forged-redirect', {}],
    ['success', 'none', {}],
    ['another method', 'gone', { method: 'POST' }],
    ['HEAD', 'gone', { method: 'HEAD' }],
  ])('leaves the answer as it is without the fallback: %s', async (_, name, extra) => {
    const sent = { path: eventsOf(newSession()), headers: { 'x-case': name }, ...extra };
    const plain = await overHttp({ ...sent, host: plainHost });
    const answer = await overHttp(sent);
    expect(stable(answer)).toEqual(withoutControlHeaders(stable(plain)));
    expect([vm.take().length, controlPlane.take().length]).toEqual([2, 0]);
  });

  it('leaves alone what is not in the registry, and routes that are not opted in', async () => {
    const session = newSession();
    const path = `/browsers/${session}/telemetry/events/1`;
    expect(await overHttp({ path, headers: gone })).toMatchObject({ status: 404 });
    const plain = await overHttp({ path: eventsOf(session), host: plainHost, headers: gone });
    expect(plain.status).toBe(404);
    expect(controlPlane.take()).toEqual([]);
  });

  it('returns what the control plane says, also when that is browser_gone', async () => {
    const headers = { ...gone, 'x-control-plane': 'gone' };
    const answer = await overHttp({ path: eventsOf(newSession()), headers });
    expect(answer.status).toBe(404);
    expect([vm.take().length, controlPlane.take().length]).toEqual([1, 1]);
  });

  it('serves a split over several VM clusters', async () => {
    for (let count = 0; count < 12; count++) {
      const sent = { path: eventsOf(newSession()), host: SPLIT_HOST, headers: gone };
      expect(await overHttp(sent)).toMatchObject({ status: 200, body: 'control plane' });
    }
    const asked = [vm.take().length, otherVm.take().length];
    expect(asked.every((count) => count > 0)).toBe(true);
    expect(asked.reduce((sum, count) => sum + count)).toBe(12);
    expect(controlPlane.take()).toHaveLength(12);
  });

  it('is counted by Envoy where an operator can see it', async () => {
    const path = eventsOf(newSession());
    await overHttp({ path, headers: gone });
    const stats = await fetchText(gateway.envoyAdmin, '/stats/prometheus');
    expect(stats).toMatch(
      /^envoy_cluster_upstream_internal_redirect_succeeded_total\{[^}]*\} [1-9]/m,
    );
    expect(stats).toMatch(
      /^envoy_vhost_route_upstream_rq\{[^}]*envoy_route="offramp-replay"[^}]*\} [1-9]/m,
    );
    expect(stats).toMatch(
      /^envoy_vhost_route_upstream_rq_xx\{[^}]*envoy_route="offramp-replay"[^}]*\} [1-9]/m,
    );
  });
});

function pairsOf(headers: readonly string[] = []): Record<string, string | undefined> {
  const names = headers.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(
    names.map((name, index) => [name.toLowerCase(), headers[2 * index + 1]]),
  );
}

interface Stable {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function stable({ status, headers, body }: Stable): Stable {
  const { date: _date, 'x-envoy-upstream-service-time': _time, ...rest } = headers;
  return { status, headers: rest, body };
}

/** A VM cannot send them through: its answer is without them where the fallback is on. */
function withoutControlHeaders({ headers, ...answer }: Stable): Stable {
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith('x-offramp'));
  return { ...answer, headers: Object.fromEntries(kept) };
}
