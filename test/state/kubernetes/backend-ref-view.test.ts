import { describe, expect, it } from 'vitest';
import { BackendRefView } from '../../../src/state/kubernetes/backend-refs/backend-ref-view.ts';
import {
  readBackendKind,
  readEndpointCounts,
  readGrants,
  readRouteRules,
  readServicePorts,
} from '../../../src/state/kubernetes/backend-refs/objects.ts';

const metadata = { namespace: 'shop', name: 'shop' };

function route(...backendRefs: readonly object[]) {
  return readRouteRules({ metadata, spec: { rules: [{ backendRefs }] } });
}

function slice(label: string, endpoints: readonly object[], portName: string | null = 'http') {
  return readEndpointCounts({
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': label } },
    ports: [{ name: portName, port: 8080, protocol: 'TCP' }],
    endpoints,
  });
}

const service = readServicePorts({ spec: { ports: [{ name: 'http', port: 80 }] } });
const ready = { addresses: ['10.0.0.1'], conditions: { ready: true } };
const notReady = { addresses: ['10.0.0.2'], conditions: { ready: false } };

/** A view with one Service `prod`, and a route to whatever is given. */
function viewOf(...backendRefs: readonly object[]): BackendRefView {
  const view = new BackendRefView({ countsEndpoints: true });
  view.services.set('shop', 'prod', service);
  view.setSlice('shop', 'prod-1', slice('prod', [ready]));
  view.httpRoutes.set('shop', 'shop', route(...backendRefs));
  return view;
}

function verdicts(view: BackendRefView, kind = 'httproute') {
  const rule = { kind, namespace: 'shop', name: 'shop', rule: 0 };
  return view.forRule(rule)?.map(({ verdict }) => verdict);
}

describe('a backendRef to a Service', () => {
  it('is ready with a ready endpoint, whatever the others are', () => {
    const view = viewOf({ name: 'prod', port: 80, weight: 7 });
    view.setSlice('shop', 'prod-2', slice('prod', [notReady, notReady]));
    expect(view.forRule({ kind: 'HTTPRoute', namespace: 'shop', name: 'shop', rule: 0 })).toEqual([
      {
        backend: 0,
        weight: 7,
        verdict: 'ready',
        detail: 'Service shop/prod has 1 ready endpoints',
      },
    ]);
  });

  it.each([
    ['has no endpoints', 'empty', undefined],
    ['has endpoints without an address', 'empty', [{ addresses: [] }]],
    ['has only endpoints that are not ready', 'unready', [notReady]],
    [
      'has only endpoints that terminate',
      'unready',
      [{ addresses: ['a'], conditions: { ready: true, serving: true, terminating: true } }],
    ],
    ['has an endpoint whose readiness is not stated', 'ready', [{ addresses: ['a'] }]],
  ])('that %s is %s', (_what, verdict, endpoints) => {
    const view = viewOf({ name: 'canary', port: 80 });
    view.services.set('shop', 'canary', service);
    if (endpoints !== undefined) view.setSlice('shop', 'canary-1', slice('canary', endpoints));
    expect(verdicts(view)).toEqual([verdict]);
  });

  it('is valid and no more where no EndpointSlices are read, and invalid as ever', () => {
    const view = new BackendRefView({ countsEndpoints: false });
    view.services.set('shop', 'prod', service);
    const refs = [
      { name: 'prod', port: 80 },
      { name: 'prod', port: 81 },
      { name: 'none', port: 80 },
    ];
    view.httpRoutes.set('shop', 'shop', route(...refs));
    expect(verdicts(view)).toEqual(['valid', 'invalid', 'invalid']);
  });

  it('counts only endpoints behind its port', () => {
    const view = viewOf({ name: 'prod', port: 80 });
    view.setSlice('shop', 'prod-1', slice('prod', [ready], 'metrics'));
    expect(verdicts(view)).toEqual(['empty']);
  });

  it('that does not exist, or has no such port, is invalid', () => {
    expect(verdicts(viewOf({ name: 'gone', port: 80 }))).toEqual(['invalid']);
    expect(verdicts(viewOf({ name: 'prod', port: 81 }))).toEqual(['invalid']);
    expect(verdicts(viewOf({ name: 'prod' }))).toEqual(['invalid']);
  });

  it('follows a slice that moves to another Service, and one that goes', () => {
    const view = viewOf({ name: 'prod', port: 80 });
    view.setSlice('shop', 'prod-1', slice('other', [ready]));
    expect(verdicts(view)).toEqual(['empty']);
    view.setSlice('shop', 'prod-1', slice('prod', [ready]));
    expect(verdicts(view)).toEqual(['ready']);
    view.setSlice('shop', 'prod-1', undefined);
    expect(verdicts(view)).toEqual(['empty']);
    view.services.set('shop', 'prod', undefined);
    expect(verdicts(view)).toEqual(['invalid']);
  });
});

describe('a backendRef to what takes no requests whatever its endpoints', () => {
  it('is invalid when it is an ExternalName Service, as for Envoy Gateway', () => {
    const view = viewOf({ name: 'elsewhere', port: 80 });
    const spec = { type: 'ExternalName', externalName: 'example.com', ports: [{ port: 80 }] };
    view.services.set('shop', 'elsewhere', readServicePorts({ spec }));
    expect(verdicts(view)).toEqual(['invalid']);
  });

  it('is empty when it is a Backend without a list of endpoints', () => {
    const view = viewOf({ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'hollow' });
    view.backends.set('shop', 'hollow', readBackendKind({ spec: { type: 'Endpoints' } }));
    expect(verdicts(view)).toEqual(['empty']);
  });
});

describe('a backendRef into a namespace that is not read', () => {
  const refs = [
    { name: 'prod', port: 80 },
    { name: 'prod', namespace: 'stock', port: 80 },
    { kind: 'Lambda', group: 'example.com', namespace: 'stock', name: 'l' },
  ];

  it('is unresolved, and says which namespace to name', () => {
    const view = new BackendRefView({ countsEndpoints: true, namespaces: ['shop'] });
    view.services.set('shop', 'prod', service);
    view.httpRoutes.set('shop', 'shop', route(...refs));
    expect(verdicts(view)).toEqual(['empty', 'unresolved', 'custom']);
    const rule = { kind: 'httproute', namespace: 'shop', name: 'shop', rule: 0 };
    expect(view.forRule(rule)?.[1]?.detail).toBe(
      'Service stock/prod is in a namespace that is not read: name it in state.kubernetes.namespaces',
    );
  });
});

describe('a backendRef into another namespace', () => {
  const ref = { name: 'prod', namespace: 'stock', port: 80 };
  const grant = (from: object, to: object) => readGrants({ spec: { from: [from], to: [to] } });
  const fromUs = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' };
  const view = viewOf(ref);
  view.services.set('stock', 'prod', service);
  view.setSlice('stock', 'prod-1', slice('prod', [ready]));

  it.each([
    ['without a ReferenceGrant', undefined, 'invalid'],
    [
      'for another kind of route',
      grant({ ...fromUs, kind: 'GRPCRoute' }, { group: '', kind: 'Service' }),
      'invalid',
    ],
    [
      'from another namespace',
      grant({ ...fromUs, namespace: 'x' }, { group: '', kind: 'Service' }),
      'invalid',
    ],
    ['for another name', grant(fromUs, { group: '', kind: 'Service', name: 'x' }), 'invalid'],
    [
      'for another kind',
      grant(fromUs, { group: 'gateway.envoyproxy.io', kind: 'Backend' }),
      'invalid',
    ],
    ['for this name', grant(fromUs, { group: '', kind: 'Service', name: 'prod' }), 'ready'],
    ['for all Services', grant(fromUs, { group: '', kind: 'Service' }), 'ready'],
  ] as const)('%s is %3$s', (_what, granted, verdict) => {
    view.setGrants('stock', 'grant', granted);
    expect(verdicts(view)).toEqual([verdict]);
  });
});

describe('a backendRef to another kind', () => {
  const group = 'gateway.envoyproxy.io';

  it('Backend is ready, dynamic or, when there is none, invalid', () => {
    const refs = ['plain', 'resolver', 'gone'].map((name) => ({ group, kind: 'Backend', name }));
    const view = viewOf(...refs);
    view.backends.set('shop', 'plain', readBackendKind({ spec: { endpoints: [{}] } }));
    view.backends.set('shop', 'resolver', readBackendKind({ spec: { type: 'DynamicResolver' } }));
    expect(verdicts(view)).toEqual(['ready', 'dynamic', 'invalid']);
  });

  it('ServiceImport has endpoints by its own label', () => {
    const view = viewOf({
      group: 'multicluster.x-k8s.io',
      kind: 'ServiceImport',
      name: 'far',
      port: 80,
    });
    view.serviceImports.set('shop', 'far', service);
    expect(verdicts(view)).toEqual(['empty']);
    view.setSlice(
      'shop',
      'far-1',
      readEndpointCounts({
        metadata: { labels: { 'multicluster.kubernetes.io/service-name': 'far' } },
        ports: [{ name: 'http' }],
        endpoints: [ready],
      }),
    );
    expect(verdicts(view)).toEqual(['ready']);
  });

  it('of an extension is custom', () => {
    expect(verdicts(viewOf({ group: 'example.com', kind: 'Bucket', name: 'b' }))).toEqual([
      'custom',
    ]);
  });
});

it('knows GRPCRoutes apart from HTTPRoutes, and says when it knows nothing', () => {
  const view = viewOf({ name: 'prod', port: 80 });
  expect(verdicts(view, 'grpcroute')).toBeUndefined();
  view.grpcRoutes.set('shop', 'shop', route({ name: 'gone', port: 80 }));
  expect(verdicts(view, 'GRPCRoute')).toEqual(['invalid']);
  expect(verdicts(view)).toEqual(['ready']);
  view.httpRoutes.set('shop', 'shop', undefined);
  expect(verdicts(view)).toBeUndefined();
});

it.each([null, 7, {}, { spec: 7 }, { metadata: {}, spec: { rules: {} } }])(
  'takes %j for an object that says nothing',
  (object) => {
    expect(readRouteRules(object)).toEqual({ rules: [] });
    expect(readServicePorts(object)).toEqual({ ports: {}, isExternalName: false });
    expect(readEndpointCounts(object)).toBeUndefined();
    expect(readBackendKind(object)).toMatchObject({ isDynamic: false });
    expect(readGrants(object)).toEqual({ from: [], to: [] });
  },
);

describe('the route of a backendRef', () => {
  const ref = { name: 'prod', port: 80 };

  /** Which routes the view tells of while `change` happens. */
  function toldOf(view: BackendRefView, change: (view: BackendRefView) => void): string[] {
    const told: string[] = [];
    view.listen((one) => told.push(one));
    change(view);
    return told;
  }

  it.each<[string, (view: BackendRefView) => void]>([
    ['the route itself', (view) => view.httpRoutes.set('shop', 'shop', route())],
    ['its Service', (view) => view.services.set('shop', 'prod', undefined)],
    ['its last endpoint', (view) => view.setSlice('shop', 'prod-1', undefined)],
    ['an endpoint in another slice', (view) => view.setSlice('shop', 'x', slice('prod', [ready]))],
    ['readiness', (view) => view.setSlice('shop', 'prod-1', slice('prod', [notReady]))],
    ['the port', (view) => view.setSlice('shop', 'prod-1', slice('prod', [ready], 'other'))],
    ['the owner', (view) => view.setSlice('shop', 'prod-1', slice('other', [ready]))],
    ['grants in its namespace', (view) => view.setGrants('shop', 'any', undefined)],
    ['what may be read', (view) => view.setKnown('services', false)],
  ])('is told of when this changes: %s', (_what, change) => {
    expect(toldOf(viewOf(ref), change)).toEqual(['httproute/shop/shop']);
  });

  it.each<[string, (view: BackendRefView) => void]>([
    ['another Service', (view) => view.services.set('shop', 'other', service)],
    ['a Service of its name elsewhere', (view) => view.services.set('x', 'prod', service)],
    [
      'another of several ready endpoints',
      (view) => view.setSlice('shop', 'prod-1', slice('prod', [ready, notReady, ready])),
    ],
    ['a slice without endpoints', (view) => view.setSlice('shop', 'x', slice('prod', []))],
  ])('is not told of when this changes: %s', (_what, change) => {
    expect(toldOf(viewOf(ref), change)).toEqual([]);
  });

  it('is not told of any more when it refers to something else', () => {
    const view = viewOf(ref);
    view.httpRoutes.set('shop', 'shop', route({ name: 'other', port: 80 }));
    expect(toldOf(view, () => view.services.set('shop', 'prod', undefined))).toEqual([]);
  });

  it('may be a GRPCRoute', () => {
    const view = viewOf();
    view.grpcRoutes.set('shop', 'chat', route(ref));
    expect(toldOf(view, () => view.services.set('shop', 'prod', undefined))).toEqual([
      'grpcroute/shop/chat',
    ]);
  });

  it('is told of a thousand slices of a rollout only when one becomes useful or useless', () => {
    const view = viewOf(ref);
    const set = (at: number, endpoints: readonly object[]) =>
      view.setSlice('shop', `prod-${at}`, slice('prod', endpoints));
    for (let at = 0; at < 1_000; at++) set(at, [ready, ready]);
    const told = toldOf(view, () => {
      for (let at = 0; at < 1_000; at++) set(at, [ready, notReady]);
      for (let at = 0; at < 1_000; at++) set(at, [notReady, ready]);
    });
    expect(told).toEqual([]);
  });
});
