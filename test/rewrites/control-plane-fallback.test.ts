import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { stampRoute } from '../../src/policy/route-stamp.ts';
import { isFallbackRouteName } from '../../src/rewrites/control-plane-fallback/own-routes.ts';
import { rewriteControlPlaneFallback } from '../../src/rewrites/control-plane-fallback.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { mapFilterChains, mapManagersOfChain } from '../../src/xds/connection-manager.ts';
import { type FieldRef, fields } from '../../src/xds/fields.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { readRoute } from '../../src/xds/route.ts';
import { encodeResponse, readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';
import { encodeField, encodeString, mapFields, stringOf } from '../../src/xds/wire.ts';
import { captures } from '../support/captures.ts';
import { injectUnknownFields } from '../support/unknown-fields.ts';
import { decodeSnapshot, encodeRequest, requestFromResponse } from '../support/xds.ts';

const state = { connectors: ConnectorView.empty, backendRefs: noBackendRefs };
const address = { host: '127.0.0.1', port: 8080 };

function settingsOf(fallback: object) {
  return configSchema.parse({ controlPlaneFallback: fallback });
}

const optedIn = settingsOf({
  routes: ['berlin', 'oslo', 'shop', 'mixed', 'split'].map((name) => ({ name })),
  controlPlane: address,
});
const noRoute = settingsOf({ controlPlane: address });

const rewrite = (snapshot: Snapshot, settings = optedIn) =>
  rewriteControlPlaneFallback(snapshot, state, settings);

describe.each(captures)('a snapshot of the real Envoy Gateway: $name', ({ request }) => {
  it('is the very same when no route is opted in', () => {
    const snapshot = readSnapshot(request);
    const result = rewrite(snapshot, noRoute);
    expect(result.snapshot).toBe(snapshot);
    expect(result.report).toMatchObject({ changes: [], skips: [] });
  });

  it('gets the fallback, and does not change when it is seen again', () => {
    const { snapshot, report } = rewrite(readSnapshot(request));
    expect(report.changes.map(({ effect }) => effect)).toContain('fallback-added');
    const once = encodeResponse(snapshot);
    const again = rewrite(requestFromResponse(once));
    expect(again.report.changes).toEqual([]);
    expect(Buffer.compare(encodeResponse(again.snapshot), once)).toBe(0);
  });

  it.each([
    ['as it came', (bytes: Uint8Array) => bytes],
    ['with unknown fields at every level', injectUnknownFields],
  ])('has its own bytes again without what was added: %s', (_, change) => {
    const bytes = change(request);
    const { snapshot } = rewrite(readSnapshot(bytes));
    const { resources } = readSnapshot(bytes);
    const before = resources.map(({ kind, value }) =>
      kind === 'clusters' ? withoutOptions(value) : value,
    );
    const after = snapshot.resources.map(withoutAdditions).slice(0, before.length);
    const odd = before.findIndex((value, at) => Buffer.compare(value, after[at] ?? value) !== 0);
    expect(odd).toBe(-1);
    expect(snapshot.resources.length).toBe(before.length + 1);
  });
});

/** A resource without our routes and filters; a VM cluster, whose options golden files show, without them. */
function withoutAdditions({ kind, value }: Snapshot['resources'][number]): Uint8Array {
  if (kind === 'clusters') return withoutOptions(value);
  if (kind === 'listeners') return withoutFilters(value);
  if (kind !== 'routes') return value;
  return mapFields(value, fields.RouteConfiguration.virtual_hosts, (host) =>
    mapFields(host, fields.VirtualHost.routes, (route) =>
      isFallbackRouteName(readRoute(route).name) ? undefined : route,
    ),
  );
}

const isOurs = (message: Uint8Array) =>
  stringOf(message, fields.HttpFilter.name).startsWith('offramp.');
const withoutOurs = (message: Uint8Array, list: FieldRef) =>
  mapFields(message, list, (one) => (isOurs(one) ? undefined : one));

function withoutFilters(listener: Uint8Array): Uint8Array {
  const { http_filters, early_header_mutation_extensions } = fields.HttpConnectionManager;
  return mapFilterChains(listener, (chain) =>
    mapManagersOfChain(withoutOurs(chain, fields.FilterChain.filters), (manager) =>
      withoutOurs(withoutOurs(manager, http_filters), early_header_mutation_extensions),
    ),
  );
}

function withoutOptions(cluster: Uint8Array): Uint8Array {
  return mapFields(cluster, fields.Cluster.typed_extension_protocol_options, () => undefined);
}

describe('input that is damaged', () => {
  const smallest = captures.toSorted((a, b) => a.request.length - b.request.length)[0];
  const request = smallest?.request ?? new Uint8Array();

  it('ends in an answer or a reason, never in a crash', () => {
    const flips = fc.array(fc.nat(request.length * 8 - 1), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(flips, fc.nat(request.length), (bits, length) => {
        const damaged = Buffer.from(request);
        for (const bit of bits) {
          damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        }
        for (const bytes of [damaged, damaged.subarray(0, length)]) expectAnswerOrReason(bytes);
      }),
      { numRuns: 500 },
    );
  });

  function expectAnswerOrReason(bytes: Uint8Array): void {
    try {
      readSnapshot(encodeResponse(rewrite(readSnapshot(bytes)).snapshot));
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError);
    }
  }
});

const manager = {
  '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  rds: { route_config_name: 'default/eg/http', config_source: { ads: {} } },
  http_filters: [{ name: 'envoy.filters.http.router' }],
};
const listener = {
  name: 'default/eg/http',
  default_filter_chain: { filters: [{ name: 'http', typed_config: manager }] },
};
const inGateway = (kind: string, name: string, sectionName: string) => ({
  filter_metadata: {
    'envoy-gateway': { resources: [{ kind, namespace: 'default', name, sectionName }] },
  },
});
const vmRoute = {
  name: 'httproute/default/vm/rule/0/match/0/example_com',
  match: { prefix: '/' },
  route: { cluster: 'httproute/default/vm/rule/0' },
  metadata: inGateway('HTTPRoute', 'vm', ''),
};
const plain = {
  clusters: [{ name: 'httproute/default/vm/rule/0' }],
  listeners: [listener],
  routes: [
    {
      name: 'default/eg/http',
      virtual_hosts: [
        {
          name: 'default/eg/http/example_com',
          domains: ['*'],
          metadata: inGateway('Gateway', 'eg', 'http'),
          routes: [vmRoute],
        },
      ],
    },
  ],
};

describe('a policy', () => {
  const policy = (name: string, kind: string, spec: object) =>
    JSON.stringify({
      apiVersion: 'offramp.dev/v1alpha1',
      kind: 'OfframpPolicy',
      metadata: { namespace: 'default', name },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind, name: 'eg' }],
        controlPlaneFallback: spec,
      },
    });
  const withGatewayPolicies = (...policies: readonly string[]) => {
    const { PostTranslateExtensionContext, ExtensionResource } = fields;
    const context = policies.map((json) =>
      encodeField(
        PostTranslateExtensionContext.extension_resources,
        encodeField(ExtensionResource.unstructured_bytes, encodeString(json)),
      ),
    );
    const field = fields.PostTranslateModifyRequest.post_translate_context;
    return Buffer.concat([encodeRequest(plain), encodeField(field, Buffer.concat(context))]);
  };
  const withStamp = (request: Uint8Array, given: object | (() => object)): Uint8Array => {
    const stamp = () => {
      const spec = typeof given === 'function' ? given() : given;
      return { problems: [], fallback: { spec, policies: ['default/near'], overruled: [] } };
    };
    const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost } = fields;
    return mapFields(request, PostTranslateModifyRequest.routes, (routes) =>
      mapFields(routes, RouteConfiguration.virtual_hosts, (host) =>
        mapFields(host, VirtualHost.routes, (route) => stampRoute(route, stamp())),
      ),
    );
  };
  const effects = (request: Uint8Array, settings = noRoute) =>
    rewrite(readSnapshot(request), settings).report.changes.map(({ effect }) => effect);
  const everything = [
    'fallback-added',
    'fallback-filters-added',
    'vm-cluster-prepared',
    'control-plane-added',
  ];

  it('of a Gateway opts its routes in, and one of a route decides first', () => {
    const request = withGatewayPolicies(policy('far', 'Gateway', { mode: 'Enabled' }));
    expect(effects(request)).toEqual(everything);
    expect(effects(withStamp(request, { mode: 'Disabled' }))).toEqual([]);
  });

  it('takes a route out that the configuration names', () => {
    const named = settingsOf({ routes: [{ name: 'vm' }], controlPlane: address });
    expect(effects(encodeRequest(plain), named)).toEqual(everything);
    expect(effects(withStamp(encodeRequest(plain), { mode: 'Disabled' }), named)).toEqual([]);
  });

  it('gives one setting and takes the others from further away', () => {
    const far = policy('far', 'Gateway', {
      rememberFor: '90s',
      controlPlane: { ...address, port: 1 },
    });
    const request = withStamp(withGatewayPolicies(far), {
      mode: 'Enabled',
      pathTemplate: '/vms/{id}',
    });
    const { report } = rewrite(readSnapshot(request), settingsOf({}));
    expect(report.changes.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/by default\/near: a GET of \/vms\/\{id\}\/.* remembered for 90s$/),
      expect.any(String),
      expect.any(String),
      'the control plane at 127.0.0.1:1',
    ]);
  });

  it('of a rule with a path template of its own keeps its sessions apart from those of another rule', () => {
    const memories = ['/browsers/{id}', '/machines/{id}'].map((pathTemplate) =>
      memoryOf(withStamp(encodeRequest(plain), { mode: 'Enabled', pathTemplate })),
    );
    expect(memories).toEqual(['default/vm/browsers/', 'default/vm/machines/']);
  });

  /** Whose sessions the added routes remember: the one that writes and the one that reads, alike. */
  function memoryOf(request: Uint8Array): string {
    const settings = settingsOf({ controlPlane: address });
    const text = JSON.stringify(decodeSnapshot(rewrite(readSnapshot(request), settings).snapshot));
    const [, written] = /"scope":"([^"]*)"/.exec(text) ?? [];
    const [, read] = /local before, scope, folder = \\"[^"]*", \\"([^"]*)\\"/.exec(text) ?? [];
    expect(read).toBe(written);
    return written ?? '';
  }

  it('of each route may name another control plane, for one cluster of VMs in one virtual host', () => {
    const other = { ...vmRoute, match: { prefix: '/browsers' } };
    const [configuration] = plain.routes;
    const [host] = configuration?.virtual_hosts ?? [];
    const twice = { ...configuration, virtual_hosts: [{ ...host, routes: [other, vmRoute] }] };
    let port = 0;
    const request = withStamp(encodeRequest({ ...plain, routes: [twice] }), () => ({
      mode: 'Enabled',
      controlPlane: { ...address, port: ++port },
    }));
    const { snapshot } = rewrite(readSnapshot(request), noRoute);
    const text = JSON.stringify(decodeSnapshot(snapshot));
    const names = [...text.matchAll(/"name":"([^"]*\/offramp-[a-z]+)"/g)].map(([, name]) => name);
    expect([names.length, new Set(names).size]).toEqual([8, 8]);
    const ports = [...text.matchAll(/"port_value":(\d+)/g)].map(([, one]) => one);
    expect(ports).toEqual(['1', '2']);
    expect(text.split('"name":"offramp.confirm"')).toHaveLength(2);
    expect(text.split('"name":"offramp.fallback"')).toHaveLength(2);
  });

  it('that only changes an option is not said to have opted the route in', () => {
    const far = policy('far', 'Gateway', { rememberFor: '90s' });
    const named = settingsOf({ routes: [{ name: 'vm' }], controlPlane: address });
    const { report } = rewrite(readSnapshot(withGatewayPolicies(far)), named);
    expect(report.changes[0]?.detail).toMatch(/^opted in by the configuration: .* for 90s$/);
  });

  it('that opts in without a control plane changes nothing, and says so', () => {
    const request = withStamp(encodeRequest(plain), { mode: 'Enabled' });
    const { report } = rewrite(readSnapshot(request), settingsOf({}));
    expect(report.changes).toEqual([]);
    expect(report.skips.map(({ reason }) => reason)).toEqual(['control-plane-missing']);
  });

  it('that loses against one as near as itself is told', () => {
    const one = policy('one', 'Gateway', { mode: 'Enabled' });
    const two = policy('two', 'Gateway', { mode: 'Disabled' });
    const { report } = rewrite(readSnapshot(withGatewayPolicies(two, one)), noRoute);
    expect(report.skips).toMatchObject([
      { reason: 'policy-overruled', place: { kind: 'policies', resource: 'default/two' } },
    ]);
    expect(report.changes).toHaveLength(4);
  });
});

it('adds no route when a listener cannot be read: it may serve it without the filters', () => {
  const bad = encodeField(fields.PostTranslateModifyRequest.listeners, Buffer.from([0x1a, 0x7f]));
  const request = Buffer.concat([encodeRequest(plain), bad]);
  const settings = settingsOf({ routes: [{ name: 'vm' }], controlPlane: address });
  const { snapshot, report } = rewrite(readSnapshot(request), settings);
  expect(report.changes).toEqual([]);
  expect(report.skips.map(({ reason }) => reason)).toEqual([
    'malformed-resource',
    'fallback-without-listener',
  ]);
  expect(snapshot.resources.every(({ headLength }) => headLength !== undefined)).toBe(true);
});
