import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext, vi } from 'vitest';
import { generationAnnotation } from '../../src/retrigger/gateway-objects.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { connector, gateway, httpProxy, httpRoute } from '../support/kubernetes-objects.ts';
import { annotationOf, startGatewayApi, startRetrigger } from '../support/running-retrigger.ts';
import { encodeRequest } from '../support/xds.ts';

const soon = { timeout: 5_000, interval: 10 };
const later = { timeout: 20_000, interval: 50 };
const hash = /^[0-9a-f]{12}$/;

/** A snapshot of Gateway `a/eg`, translated when it had this annotation. */
function snapshotOf(annotation: string | undefined) {
  const annotations = annotation === undefined ? {} : { 'offramp-generation': annotation };
  const resources = [{ kind: 'Gateway', namespace: 'a', name: 'eg', annotations }];
  const metadata = { filter_metadata: { 'envoy-gateway': { resources } } };
  const virtual_hosts = [{ name: 'a/eg/http/host', metadata }];
  return readSnapshot(encodeRequest({ routes: [{ name: 'a/eg/http', virtual_hosts }] }));
}

async function started(test: TestContext) {
  const api = await startGatewayApi(test);
  const offramp = await startRetrigger(api, test);
  await vi.waitFor(() => test.expect(annotationOf(api, 'a', 'eg')).toMatch(hash), soon);
  return { api, ...offramp };
}

describe.concurrent('a Gateway behind a connector', () => {
  it('is annotated anew when the connector goes, and as before when it is back', async (test) => {
    const { api, counted } = await started(test);
    const { expect } = test;
    const whileOnline = annotationOf(api, 'a', 'eg');
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).not.toBe(whileOnline), soon);
    api.put('connectors', connector('a', 'berlin', true));
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toBe(whileOnline), soon);
    await vi.waitFor(async () => expect(await counted('ok')).toBe(3), soon);
    expect(api.count('PATCH')).toBe(3);
  });

  it('is left alone by changes that do not matter to it', async (test) => {
    const { api } = await started(test);
    const { status, ...rest } = connector('a', 'berlin', true);
    api.put('connectors', { ...rest, status: { ...status, heartbeat: 'now' } });
    api.put('connectors', connector('a', 'other', true));
    api.put('gateways', { ...api.get('gateways', 'a', 'eg'), status: { addresses: [] } });
    api.put('httproutes', httpRoute('a', 'unrelated', 'eg'));
    await sleep(500);
    test.expect(api.count('PATCH')).toBe(1);
  });

  it('is annotated a few times for a hundred changes, at last for the last one', async (test) => {
    const { api } = await started(test);
    const { expect } = test;
    const before = api.count('PATCH');
    for (let change = 1; change <= 100; change++) {
      api.put('connectors', connector('a', 'berlin', true, `node-${change}`));
      await sleep(10);
    }
    const after = performance.now();
    await sleep(1_500);
    const patches = api.timesOf('PATCH').slice(before);
    expect(patches.length).toBeGreaterThan(1);
    expect(patches.length).toBeLessThanOrEqual(5);
    expect((patches.at(-1) ?? 0) - after).toBeLessThan(700);
    for (const [at, time] of patches.slice(1).entries()) {
      expect(time - (patches[at] ?? 0)).toBeGreaterThan(450);
    }
    const last = annotationOf(api, 'a', 'eg');
    api.put('connectors', connector('a', 'berlin', true, 'node-100'));
    await sleep(700);
    expect(annotationOf(api, 'a', 'eg')).toBe(last);
  });

  it('is annotated at start when the state changed while nobody looked, and else not', async (test) => {
    const { api, retrigger, source } = await started(test);
    const { expect } = test;
    const whileOnline = annotationOf(api, 'a', 'eg');
    retrigger.stop();
    source.stop();
    await startRetrigger(api, test);
    await sleep(500);
    expect(api.count('PATCH')).toBe(1);
    api.put('connectors', connector('a', 'berlin', false));
    await startRetrigger(api, test);
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).not.toBe(whileOnline), soon);
  });

  it('is written once by two Offramps', async (test) => {
    const { api } = await started(test);
    await startRetrigger(api, test);
    const { expect } = test;
    const versions = new Set<unknown>();
    const look = setInterval(
      () => versions.add(api.get('gateways', 'a', 'eg')?.metadata.resourceVersion),
      1,
    );
    for (const isReady of [false, true, false, true, false]) {
      const before = annotationOf(api, 'a', 'eg');
      api.put('connectors', connector('a', 'berlin', isReady));
      await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).not.toBe(before), soon);
      await sleep(700);
    }
    clearInterval(look);
    expect(versions.size).toBe(1 + 5);
  });

  it('loses the annotation when nothing behind a connector is left', async (test) => {
    const { api } = await started(test);
    api.remove('httpproxies', 'a', 'shop');
    await vi.waitFor(() => test.expect(annotationOf(api, 'a', 'eg')).toBeUndefined(), soon);
  });

  it('made later is annotated too', async (test) => {
    const { api } = await started(test);
    api.put('gateways', gateway('b', 'blog'));
    api.put('httpproxies', httpProxy('b', 'blog', 'oslo'));
    await vi.waitFor(() => test.expect(annotationOf(api, 'b', 'blog')).toMatch(hash), soon);
  });

  /** Another Offramp has seen the connector go, and written what follows from it; this one not yet. */
  async function overtaken(test: TestContext) {
    const offramp = await started(test);
    const { api } = offramp;
    const { expect } = test;
    const whileOnline = annotationOf(api, 'a', 'eg');
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).not.toBe(whileOnline), soon);
    const whileOffline = annotationOf(api, 'a', 'eg');
    api.put('connectors', connector('a', 'berlin', true));
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toBe(whileOnline), soon);
    await sleep(700);
    const { spec, metadata } = gateway('a', 'eg');
    const annotations = { [generationAnnotation]: whileOffline };
    api.put('gateways', { spec, metadata: { ...metadata, annotations } });
    await sleep(100);
    return { ...offramp, whileOffline };
  }

  it('is annotated once more when this Offramp answered its translation from older state', async (test) => {
    const { api, retrigger, whileOffline } = await overtaken(test);
    const { expect } = test;
    retrigger.watchCall().answered(snapshotOf(whileOffline), []);
    api.put('connectors', connector('a', 'berlin', false));
    const countedUp = `${whileOffline}-1`;
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toBe(countedUp), soon);
    retrigger.watchCall().answered(snapshotOf(countedUp), []);
    await sleep(700);
    expect(annotationOf(api, 'a', 'eg')).toBe(countedUp);
  });

  it('is annotated once more when the state was another one just while it was translated', async (test) => {
    const { api, retrigger } = await started(test);
    const { expect } = test;
    const whileOnline = annotationOf(api, 'a', 'eg');
    api.put('connectors', connector('a', 'berlin', false));
    await sleep(50);
    retrigger.watchCall().answered(snapshotOf(whileOnline), []);
    api.put('connectors', connector('a', 'berlin', true));
    const countedUp = `${whileOnline}-1`;
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toBe(countedUp), soon);
  });

  it('is annotated once more when the state became another one while its answer was decided', async (test) => {
    const { api, retrigger, whileOffline } = await overtaken(test);
    const { expect } = test;
    const watch = retrigger.watchCall();
    api.put('connectors', connector('a', 'berlin', false));
    await sleep(400); // longer than it waits after a change
    watch.answered(snapshotOf(whileOffline), []);
    const countedUp = `${whileOffline}-1`;
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toBe(countedUp), soon);
  });

  it('is not annotated once more when the other Offramp answered it', async (test) => {
    const { api, whileOffline } = await overtaken(test);
    api.put('connectors', connector('a', 'berlin', false));
    await sleep(700);
    test.expect(annotationOf(api, 'a', 'eg')).toBe(whileOffline);
  });
});

describe.concurrent('a Gateway without connectors', () => {
  it('is never annotated', async (test) => {
    const api = await startGatewayApi(test);
    api.put('gateways', gateway('a', 'plain'));
    api.put('httproutes', httpRoute('a', 'plain-route', 'plain'));
    await startRetrigger(api, test);
    await vi.waitFor(() => test.expect(annotationOf(api, 'a', 'eg')).toMatch(hash), soon);
    await sleep(300);
    test.expect(api.requests.filter((one) => one.includes('plain'))).toEqual([]);
  });

  it('keeps an annotation while RBAC hides the HTTPRoutes', async (test) => {
    const api = await startGatewayApi(test);
    const annotations = { [generationAnnotation]: 'abc' };
    api.put('gateways', { metadata: { namespace: 'a', name: 'eg', annotations } });
    api.refuse('GET httproutes', 403);
    const { logged } = await startRetrigger(api, test);
    await sleep(500);
    test.expect(annotationOf(api, 'a', 'eg')).toBe('abc');
    test
      .expect(logged.map(({ msg }) => msg))
      .toContain(
        'not allowed: not every Gateway is retriggered; a change of state arrives with the next translation',
      );
  });
});

describe.concurrent('a patch', () => {
  it('is tried again after an error of the API server, which is told once', async (test) => {
    const api = await startGatewayApi(test);
    const { expect } = test;
    api.refuse('PATCH gateways', 500);
    const { logged, counted, retrigger } = await startRetrigger(api, test);
    await vi.waitFor(() => expect(api.count('PATCH')).toBeGreaterThan(2), soon);
    expect(await counted('failed')).toBeGreaterThan(1);
    expect(retrigger.checks().at(-1)).toMatchObject({ ok: false });
    api.refuse('PATCH gateways', undefined);
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toMatch(hash), soon);
    await vi.waitFor(() => expect(retrigger.checks().at(-1)).toMatchObject({ ok: true }), soon);
    expect(logged.filter(({ level }) => level >= 40)).toHaveLength(1);
  });

  it('that failed is no trouble any more when the state is as it was before', async (test) => {
    const { api, retrigger } = await started(test);
    const { expect } = test;
    const check = () => retrigger.checks().at(-1);
    api.refuse('PATCH gateways', 500);
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(check()).toMatchObject({ ok: false }), soon);
    api.put('connectors', connector('a', 'berlin', true));
    await vi.waitFor(() => expect(check()).toMatchObject({ ok: true }), soon);
  });

  it('that RBAC forbade is asked for again though the state is as it was before', async (test) => {
    const { api, retrigger } = await started(test);
    const { expect } = test;
    const check = () => retrigger.checks().at(-1);
    api.refuse('PATCH gateways', 403);
    api.put('connectors', connector('a', 'berlin', false));
    await vi.waitFor(() => expect(check()).toMatchObject({ ok: false }), soon);
    api.refuse('PATCH gateways', undefined);
    api.put('connectors', connector('a', 'berlin', true));
    await vi.waitFor(() => expect(check()).toMatchObject({ ok: true }), {
      ...soon,
      timeout: 35_000,
    });
  }, 40_000);

  it('of a Gateway that has just gone is no failure', async (test) => {
    const api = await startGatewayApi(test);
    api.refuse('PATCH gateways', 404);
    const { logged, counted } = await startRetrigger(api, test);
    await vi.waitFor(() => test.expect(api.count('PATCH')).toBe(1), soon);
    await sleep(1_000);
    test.expect(api.count('PATCH')).toBe(1);
    test.expect(await counted('failed')).toBe(0);
    test.expect(logged.filter(({ level }) => level >= 40)).toEqual([]);
  });

  it('that RBAC forbids is told once, and not tried again soon', async (test) => {
    const api = await startGatewayApi(test);
    const { expect } = test;
    api.refuse('PATCH gateways', 403);
    const { logged, counted, retrigger } = await startRetrigger(api, test);
    await vi.waitFor(async () => expect(await counted('failed')).toBe(1), soon);
    api.put('connectors', connector('a', 'berlin', false));
    await sleep(1_000);
    expect(api.count('PATCH')).toBe(1);
    expect(await counted('failed')).toBe(1);
    expect(logged.filter(({ level }) => level === 50)).toMatchObject([
      { permission: 'patch gateways.gateway.networking.k8s.io in namespace a' },
    ]);
    expect(retrigger.checks().at(-1)?.detail).toContain('not allowed to patch gateways');
  });

  it('puts right, some seconds later, what somebody else wrote or removed', async (test) => {
    const { api, retrigger, source } = await started(test);
    const { expect } = test;
    const ours = annotationOf(api, 'a', 'eg');
    retrigger.stop();
    source.stop();
    await startRetrigger(api, test);
    await sleep(300);
    api.put('gateways', gateway('a', 'eg'));
    await sleep(1_000);
    expect(annotationOf(api, 'a', 'eg')).toBeUndefined();
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toBe(ours), later);
  });
});
