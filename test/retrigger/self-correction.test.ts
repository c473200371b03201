import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { rewriteEmptyBackends } from '../../src/rewrites/empty-backends.ts';
import { atOnce } from '../../src/steps.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { KubernetesApiDouble } from '../support/kubernetes-api.ts';
import { gateway } from '../support/kubernetes-objects.ts';
import { annotationOf, startRetrigger } from '../support/running-retrigger.ts';
import { encodeRequest } from '../support/xds.ts';

const soon = { timeout: 5_000, interval: 10 };
const correctionOnly = /^none\.[0-9a-f]{12}$/;
const settings = configSchema.parse({});
const kinds = ['gateways', 'httproutes', 'httpproxies', 'connectors', 'services', 'endpointslices'];

const service = (name: string) => ({
  metadata: { namespace: 'a', name },
  spec: { ports: [{ name: 'http', port: 80 }] },
});
const slice = (name: string, ...ready: readonly boolean[]) => ({
  metadata: { namespace: 'a', name, labels: { 'kubernetes.io/service-name': name } },
  ports: [{ name: 'http', port: 8080 }],
  endpoints: ready.map((one) => ({ addresses: ['10.0.0.1'], conditions: { ready: one } })),
});
const route = (...weights: readonly number[]) => ({
  metadata: { namespace: 'a', name: 'shop' },
  spec: {
    parentRefs: [{ name: 'eg' }],
    rules: [
      {
        backendRefs: ['good', 'empty', 'gone'].map((name, at) => ({
          name,
          port: 80,
          weight: weights[at],
        })),
      },
    ],
  },
});

/** The snapshot of `a/eg`: 60 for the good backendRef, 40 left out. */
function snapshotOf(annotation?: string) {
  const inMetadata = (resource: object) => ({
    filter_metadata: { 'envoy-gateway': { resources: [resource] } },
  });
  const annotations = annotation && { 'offramp-generation': annotation };
  const clusters = [
    { name: 'httproute/a/shop/rule/0/backend/0', weight: { value: 60 } },
    { name: 'invalid-backend-cluster', weight: { value: 40 } },
  ];
  const routes = [
    {
      name: 'httproute/a/shop/rule/0/match/0/shop',
      match: { prefix: '/' },
      metadata: inMetadata({ kind: 'HTTPRoute', namespace: 'a', name: 'shop' }),
      route: { weighted_clusters: { clusters } },
    },
  ];
  const object = {
    kind: 'Gateway',
    namespace: 'a',
    name: 'eg',
    ...(annotations && { annotations }),
  };
  const virtual_hosts = [{ name: 'a/eg/http/shop', routes, metadata: inMetadata(object) }];
  return readSnapshot(encodeRequest({ routes: [{ name: 'a/eg/http', virtual_hosts }] }));
}

/** A Gateway whose route has a good backendRef and two empty ones, and an Offramp that knows it. */
async function started(test: TestContext, weights = [60, 30, 10]) {
  const api = new KubernetesApiDouble();
  api.install(...kinds);
  api.put('gateways', gateway('a', 'eg'));
  api.put('httproutes', route(...weights));
  for (const name of ['good', 'empty', 'gone']) api.put('services', service(name));
  api.put('endpointslices', slice('good', true, true));
  await api.start();
  test.onTestFinished(() => api.stop());
  return { api, ...(await startOfframp(api, test)) };
}

async function startOfframp(api: KubernetesApiDouble, test: TestContext) {
  const offramp = await startRetrigger(api, test);
  const { source, retrigger } = offramp;
  /** Answers as a hook call is answered. */
  const answer = (annotation?: string) => {
    const snapshot = snapshotOf(annotation);
    const { report, splits = [] } = atOnce(rewriteEmptyBackends(snapshot, source.state, settings));
    retrigger.watchCall().answered(snapshot, splits);
    return report.changes.map(({ detail }) => detail);
  };
  return { ...offramp, answer };
}

describe.concurrent('a Gateway whose last answer', () => {
  it('does not hold any more is annotated, which is counted and told', async (test) => {
    const { api, answer, corrected, counted, logged } = await started(test);
    const { expect } = test;
    expect(answer()).toHaveLength(2);
    api.remove('services', 'a', 'gone');
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toMatch(correctionOnly), soon);
    await vi.waitFor(async () => expect(await corrected('ok')).toBe(1), soon);
    expect(await counted('ok')).toBe(1);
    expect(logged.filter(({ msg }) => msg.startsWith('self-correction'))).toMatchObject([
      {
        gateway: 'a/eg',
        splits: 1,
        reasons: [
          'HTTPRoute a/shop rule 0: backendRef 2 was empty, is invalid: there is no Service a/gone',
        ],
      },
    ]);
    expect(answer(annotationOf(api, 'a', 'eg'))).toEqual(['Service a/empty has no endpoints']);
    await sleep(1_500);
    expect(api.count('PATCH')).toBe(1);
  });

  it('was given just before a change is annotated, though the change is seen before the answer left', async (test) => {
    const { source, api, answer } = await started(test);
    const { expect } = test;
    answer();
    source.backendRefs.services.set('a', 'gone', undefined);
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toMatch(correctionOnly), soon);
  });

  it('was given from an older route than the snapshot has is annotated when that is known', async (test) => {
    const { api, answer } = await started(test, [1, 1, 1]);
    const { expect } = test;
    expect(answer()).toEqual([]);
    await sleep(700);
    expect(api.count('PATCH')).toBe(0);
    api.put('httproutes', route(60, 30, 10));
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toMatch(correctionOnly), soon);
  });

  it('is replaced in time by Envoy Gateway itself is left alone', async (test) => {
    const { api, answer } = await started(test);
    answer();
    await sleep(1_100);
    api.remove('services', 'a', 'gone');
    await sleep(200);
    test.expect(answer()).toHaveLength(1);
    await sleep(1_000);
    test.expect(api.count('PATCH')).toBe(0);
  });

  it('holds is left alone by a rollout of a thousand slices', async (test) => {
    const { api, answer } = await started(test);
    answer();
    for (let at = 0; at < 1_000; at++) {
      const one = slice('good', at % 2 === 0, true);
      api.put('endpointslices', { ...one, metadata: { ...one.metadata, name: `good-${at % 50}` } });
    }
    await sleep(1_500);
    test.expect(api.count('PATCH')).toBe(0);
  });

  it('fails again and again for endpoints that come and go is annotated a few times', async (test) => {
    const { api, answer } = await started(test);
    const { expect } = test;
    answer();
    const begun = performance.now();
    for (let at = 0; performance.now() - begun < 3_000; at++) {
      // Each answer is wrong a moment later.
      if (at % 2 === 0) api.remove('services', 'a', 'gone');
      else api.put('services', service('gone'));
      answer(annotationOf(api, 'a', 'eg'));
      await sleep(5);
    }
    expect(api.count('PATCH')).toBeLessThanOrEqual(6);
  });

  it('another Offramp gave is annotated once by each change at most, and then no more', async (test) => {
    const { api, answer } = await started(test);
    const { expect } = test;
    const other = await startOfframp(api, test);
    answer();
    await sleep(100);
    other.answer();
    api.remove('services', 'a', 'gone');
    await vi.waitFor(() => expect(annotationOf(api, 'a', 'eg')).toMatch(correctionOnly), soon);
    // From now on the other one is asked.
    other.answer(annotationOf(api, 'a', 'eg'));
    await sleep(1_500);
    const versions = () => api.get('gateways', 'a', 'eg')?.metadata.resourceVersion;
    const settled = versions();
    await sleep(10_000);
    api.remove('services', 'a', 'empty');
    await sleep(100);
    other.answer(annotationOf(api, 'a', 'eg'));
    await sleep(1_500);
    expect(versions()).toBe(settled);
  }, 20_000);

  it('cannot be put right is told of, and counted', async (test) => {
    const { api, answer, corrected, logged, retrigger } = await started(test);
    const { expect } = test;
    api.refuse('PATCH gateways', 403);
    answer();
    api.remove('services', 'a', 'gone');
    await vi.waitFor(async () => expect(await corrected('failed')).toBe(1), soon);
    const warnings = logged.filter(({ level, kind }) => level >= 40 && kind === undefined);
    expect(warnings.map(({ msg }) => msg)).toEqual([
      expect.stringContaining('not allowed'),
      expect.stringContaining('self-correction failed'),
    ]);
    expect(retrigger.checks().at(-1)).toMatchObject({ ok: false });
  });

  it('is forgotten with its Gateway', async (test) => {
    const { api, answer } = await started(test);
    answer();
    await sleep(50);
    api.remove('gateways', 'a', 'eg');
    api.remove('services', 'a', 'gone');
    await sleep(1_000);
    test.expect(api.count('PATCH')).toBe(0);
  });
});
