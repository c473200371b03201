import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { rewriteUsualHost } from '../../src/rewrites/offline-connectors/rewrite-usual-host.ts';
import { rewriteOfflineConnectors } from '../../src/rewrites/offline-connectors.ts';
import type { RewriteSettings } from '../../src/rewrites/pipeline.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { atOnce } from '../../src/steps.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { fields } from '../../src/xds/fields.ts';
import { managerTypeName } from '../../src/xds/manager-scan.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { valuesOf } from '../../src/xds/wire.ts';
import { encodeXds } from '../support/xds.ts';
import { encodeTag, lengthDelimited, message } from '../xds/arbitrary-message.ts';

vi.mock(import('../../src/rewrites/offline-connectors/rewrite-usual-host.ts'), async (original) => {
  const actual = await original();
  return { ...actual, rewriteUsualHost: vi.fn(actual.rewriteUsualHost) };
});
const rewritten = vi.mocked(rewriteUsualHost);

const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost, Route } = fields;
const tunnel = { host: 'localhost', port: 1, endpointId: 'e' };
const connectors = new ConnectorView([
  { connector: { name: 'gone', online: false }, routes: [], clusters: ['off', 'off too'] },
  { connector: { name: 'lost', online: false }, routes: [], clusters: ['lost'] },
  { connector: { name: 'here', online: true, tunnel }, routes: [], clusters: ['on', 'on too'] },
]);

const matches = [
  { prefix: '/' },
  { path: '/a', headers: [{ name: 'x' }] },
  { connect_matcher: {} },
];
const upgrades = [[], ['websocket'], ['CONNECT'], ['WebSocket', 'spdy/3.1'], ['a', 'A']];
const upgradeConfigs = fc
  .constantFrom(...upgrades)
  .map((types) => types.map((upgrade_type) => ({ upgrade_type })));

function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, arbitrary);
}

/** The fields of a route, each encoded, in an order of its own. */
const route = fc
  .record({
    name: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('one', 'two') },
      fc.constantFrom('connector-connect-x', 'connector-offline-x', 'ü'),
    ),
    match: fc.oneof(
      { weight: 12, arbitrary: fc.constant(matches[0]) },
      fc.constantFrom(...matches),
    ),
    route: fc.record({
      cluster: fc.constantFrom('off', 'off', 'off too', 'lost', 'on', 'on too', 'there'),
      upgrade_configs: upgradeConfigs,
    }),
    filters: rarely(fc.constant('filter')),
    odd: rarely(message),
    again: rarely(fc.nat(3)),
    isMirrored: fc.nat(20).map((one) => one === 0),
  })
  .chain(({ filters, odd, again, isMirrored, name, match, route: action }) => {
    const mirrors = isMirrored ? { request_mirror_policies: [{ cluster: 'off' }] } : {};
    const type = 'envoy.config.route.v3.Route';
    const parts = [
      encodeXds(type, { name }),
      encodeXds(type, { match }),
      encodeXds(type, { route: { ...action, ...mirrors } }),
      encodeXds(type, { response_headers_to_remove: ['x'.repeat(100)] }),
    ];
    if (filters !== undefined) {
      parts.push(lengthDelimited(Route.typed_per_filter_config.number, encodeString('')));
    }
    if (odd !== undefined) parts.push(odd.bytes);
    if (again !== undefined) parts.push(parts[again] ?? encodeString(''));
    return fc.shuffledSubarray(parts, { minLength: parts.length - (again === 3 ? 1 : 0) });
  })
  .map((parts) => concatenate(parts));

/** Bytes that the length of a route has; hardly any has more than it needs. */
const sizes = fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, fc.constantFrom(2, 4));

const textField = (field: { readonly number: number }) => (text: string) =>
  lengthDelimited(field.number, encodeString(text));

const host = fc
  .record({
    names: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(['x'], ['Some/Name_1'], ['x'.repeat(100)]) },
      fc.constantFrom([], ['ü'], ['x', 'y'], ['x'.repeat(300)]),
    ),
    domains: fc.array(fc.constantFrom('a', 'x.connector.internal', 'X.Connector.internal', '*'), {
      maxLength: 2,
    }),
    routes: fc.array(fc.tuple(route, sizes), { maxLength: 3 }),
    hasMatcher: fc.nat(20).map((one) => one === 0),
    odd: rarely(message),
  })
  .chain(({ names, domains, routes, hasMatcher, odd }) => {
    const parts = [
      ...names.map(textField(VirtualHost.name)),
      ...domains.map(textField(VirtualHost.domains)),
      ...routes.map(([one, size]) => lengthDelimited(VirtualHost.routes.number, one, size)),
    ];
    if (hasMatcher) parts.push(lengthDelimited(VirtualHost.matcher.number, encodeString('')));
    if (odd !== undefined) parts.push(lengthDelimited(77, odd.bytes));
    return fc.shuffledSubarray(parts, { minLength: parts.length });
  })
  .map((parts) => concatenate(parts));

const manager = {
  name: 'hcm',
  typed_config: { '@type': managerTypeName.slice(1), rds: { route_config_name: 'all' } },
};
const listener = encodeXds('envoy.config.listener.v3.Listener', {
  filter_chains: [{ filters: [manager] }],
});
const clusters = ['on', 'on too', 'there'].map((name) =>
  encodeXds('envoy.config.cluster.v3.Cluster', { name }),
);

const headers = [{}, { 'x-a': 'b' }, { 'x-a': 'b', 'x-c': 'd'.repeat(200) }];
const settingsOf = new Map<object, RewriteSettings>(
  headers.map((one) => [
    one,
    configSchema.parse({ connectors: { offlineResponse: { headers: one } } }),
  ]),
);

interface Given {
  readonly hosts: readonly Uint8Array[];
  /** Whether a listener serves the route configuration. */
  readonly isServed: boolean;
  readonly validate: boolean;
  readonly headers: object;
}

const given = fc.record({
  hosts: fc.array(host, { minLength: 1, maxLength: 4 }),
  isServed: fc.nat(4).map((one) => one > 0),
  validate: fc.nat(6).map((one) => one === 0),
  headers: fc.constantFrom(...headers),
});

function rewrite({ hosts, isServed, validate, headers }: Given) {
  const configuration = concatenate([
    encodeXds('envoy.config.route.v3.RouteConfiguration', {
      name: 'all',
      ...(validate && { validate_clusters: { value: true } }),
    }),
    ...hosts.map((one) => encodeField(RouteConfiguration.virtual_hosts, one)),
  ]);
  const request = concatenate([
    ...clusters.map((one) => encodeField(PostTranslateModifyRequest.clusters, one)),
    ...(isServed ? [encodeField(PostTranslateModifyRequest.listeners, listener)] : []),
    encodeField(PostTranslateModifyRequest.routes, configuration),
  ]);
  const settings = settingsOf.get(headers) ?? configSchema.parse({});
  const state = { connectors, backendRefs: noBackendRefs };
  const made = atOnce(rewriteOfflineConnectors(readSnapshot(request), state, settings));
  const { value = encodeString('') } = [...made.snapshot.resources].at(-1) ?? {};
  return { report: made.report, hosts: valuesOf(value, RouteConfiguration.virtual_hosts) };
}

/** An empty group: nothing that is read has one. */
const groupNumber = 1_000;
const group = concatenate([encodeTag(groupNumber, 3), encodeTag(groupNumber, 4)]);

function withoutGroup(message: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  const reader = new FieldReader(message);
  while (reader.next()) if (reader.number !== groupNumber) parts.push(reader.raw());
  return Buffer.concat(parts);
}

describe('a virtual host of the usual form', () => {
  it('becomes what any other with the same in it becomes', () => {
    fc.assert(
      fc.property(given, (its) => {
        const now = rewrite(its);
        const other = rewrite({ ...its, hosts: its.hosts.map((one) => concatenate([one, group])) });
        const withoutPlace = (text: string) => text.replaceAll(/at byte \d+/g, 'somewhere');
        const report = (one: object) => withoutPlace(JSON.stringify(one));
        expect(report(now.report)).toBe(report(other.report));
        expect(now.hosts.map((one) => Buffer.from(one))).toEqual(other.hosts.map(withoutGroup));
      }),
      { numRuns: 500 },
    );
    const usual = rewritten.mock.results.filter(({ value }) => value !== undefined);
    expect(usual.length).toBeGreaterThan(100);
  });
});
