import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { backendYaml } from './support/example-resources.ts';
import {
  type ExternalProcessor,
  type Process,
  startExternalProcessor,
} from './support/external-processor.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { GONE, type WholeRequest } from './support/fallback-kernel/servers.ts';
import { http2BackendYaml } from './support/fallback-matrix/resources.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import { gatewayClassYaml, listenersYaml, servedPathYaml } from './support/scene-resources.ts';
import { backendRef, policyYaml } from './support/security-policies.ts';

const HOST = 'gateway.test';
const gone = { 'x-case': 'gone' };

const bothAgain = { 'x-process-vm': 'choose again', 'x-process-api': 'choose again' };

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('external processing on the routes of a fallback', () => {
  let port: number;
  let ofVm: ExternalProcessor;
  let ofApi: ExternalProcessor;
  let scene: FallbackScene;

  beforeAll(async () => {
    port = await freePort();
    ofVm = await startExternalProcessor(processAs('vm'));
    ofApi = await startExternalProcessor(processAs('api'));
    scene = await startFallbackScene({
      optedIn: ['vm'],
      resources: ({ vm, controlPlane }) => [
        gatewayClassYaml(),
        listenersYaml([{ name: 'http', port }]),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        http2BackendYaml('of-vm', ofVm.port),
        http2BackendYaml('of-api', ofApi.port),
        routeYaml('vm', '/browsers'),
        routeYaml('api', '/'),
        processedYaml('vm', 'of-vm'),
        processedYaml('api', 'of-api'),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
    ofVm?.stop();
    ofApi?.stop();
  });
  beforeEach(() => {
    scene.reached();
    ofVm.take();
    ofApi.take();
  });

  function routeYaml(name: string, path: string): string {
    return servedPathYaml(name, { listeners: ['http'], hosts: [HOST], path, backend: name });
  }

  type Headers = Readonly<Record<string, string>>;

  it('shows each processor the client’s own request, and the response of the pass that has one', async () => {
    const path = `${eventsOf(randomUUID())}?a=1`;
    const headers = { ...gone, 'x-by-vm': 'the client' };
    const answer = await ask(port, { path, headers });
    expect(answer).toMatchObject({ status: 200, body: 'control plane' });
    const [first, ...more] = ofVm.take();
    const [second, ...furtherMore] = ofApi.take();
    expect([more, furtherMore]).toEqual([[], []]);
    expect(first?.request).toMatchObject({ ':path': path, 'x-by-vm': 'the client' });
    expect(first?.response).toBeUndefined();
    expect(second?.request).toEqual(first?.request);
    expect(second?.response).toMatchObject({ ':status': '200', 'x-from': 'control-plane' });
  });

  it('undoes what the first pass was given before the second', async () => {
    const path = eventsOf(randomUUID());
    await ask(port, { path, headers: gone });
    expect(scene.vm.take().map(marksOf)).toEqual([[`${path}?processed=vm`, 'x-by-vm']]);
    expect(scene.controlPlane.take().map(marksOf)).toEqual([[`${path}?processed=api`, 'x-by-api']]);
  });

  it('shows a remembered session to the control plane’s processor only', async () => {
    const session = randomUUID();
    await ask(port, { path: eventsOf(session), headers: gone });
    ofVm.take();
    ofApi.take();
    await ask(port, { path: `/browsers/${session}/x`, method: 'POST' });
    expect(ofVm.take()).toEqual([]);
    expect(ofApi.take()).toHaveLength(1);
  });

  it.each<[string, Headers, number, readonly number[]]>([
    ['refuses the first pass', { 'x-process-vm': 'refuse' }, 403, [0, 0]],
    ['refuses the second pass', { 'x-process-api': 'refuse' }, 403, [1, 0]],
    ['says browser_gone itself', { 'x-process-vm': 'gone' }, 404, [0, 0]],
    ['has the route chosen again', { 'x-process-vm': 'choose again' }, 200, [1, 1]],
    ['and the other one have the route chosen again', bothAgain, 200, [1, 1]],
  ])('keeps the order of the passes when a processor %s', async (_, wishes, status, reached) => {
    const answer = await ask(port, {
      path: eventsOf(randomUUID()),
      headers: { ...gone, ...wishes },
    });
    expect([answer.status, scene.reached()]).toEqual([status, reached]);
  });

  it('shows the VM’s processor Envoy’s own redirect when Envoy cannot follow it', async () => {
    const headers = { 'x-case': 'gone-early', 'transfer-encoding': 'chunked' };
    const path = eventsOf(randomUUID());
    const answer = await ask(port, { path, headers, body: 'not all', endAfter: 200 });
    expect(answer).toMatchObject({ status: 404, body: GONE });
    expect(scene.controlPlane.take()).toEqual([]);
    const [shown] = ofVm.take();
    expect(shown?.response).toMatchObject({ ':status': '303' });
    expect(shown?.response).toHaveProperty('x-offramp-control-plane');
    expect(answer.headers).not.toHaveProperty('x-offramp-control-plane');
  });
});

/** Marks requests, and more if they ask for it. */
function processAs(name: string): Process {
  return (request) => {
    const wish = request[`x-process-${name}`];
    if (wish === 'refuse') return { immediate_response: { status: { code: 403 } } };
    if (wish === 'gone') {
      const json = { header: { key: 'content-type', raw_value: base64('application/json') } };
      const headers = { set_headers: [json] };
      return { immediate_response: { status: { code: 404 }, headers, body: base64(GONE) } };
    }
    const set = { ':path': pathFor(name, request[':path']), [`x-by-${name}`]: '1' };
    const set_headers = Object.entries(set).map(([key, value]) => ({
      header: { key, raw_value: base64(value) },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    }));
    const response = {
      header_mutation: { set_headers },
      clear_route_cache: wish === 'choose again',
    };
    return { request_headers: { response } };
  };
}

function pathFor(name: string, path = ''): string {
  return `${path}${path.includes('?') ? '&' : '?'}processed=${name}`;
}

/** The path that a server got, and which of the marks. */
function marksOf({ path, headers }: WholeRequest): string[] {
  return [path, ...headers.filter((name) => name.startsWith('x-by-'))];
}

/** The processor sees the headers of requests and responses of a route. */
function processedYaml(route: string, processor: string): string {
  return policyYaml(
    'EnvoyExtensionPolicy',
    { kind: 'HTTPRoute', name: route },
    {
      extProc: [
        { backendRefs: [backendRef(processor)], processingMode: { request: {}, response: {} } },
      ],
    },
  );
}
