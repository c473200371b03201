import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeField } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { fields } from '../../src/xds/fields.ts';
import { readGatewayObject } from '../../src/xds/gateway-metadata.ts';
import { readPlainRoute } from '../../src/xds/plain-route.ts';
import { readAction, readRoute } from '../../src/xds/route.ts';
import { encodeXds } from '../support/xds.ts';

const resource = { kind: 'HTTPRoute', namespace: 'ns', name: 'app', sectionName: 'rule-0' };
const metadata = { filter_metadata: { 'envoy-gateway': { resources: [resource] }, other: {} } };
const upgrade_configs = [{ upgrade_type: 'websocket' }, { upgrade_type: 'spdy/3.1' }];
const clusters = [{ name: 'a', weight: { value: 90 } }, { name: 'b', weight: {} }, { name: 'c' }];
const name = 'httproute/ns/app/rule/0/match/0/host';

const plain = [
  { name, match: { prefix: '/' }, route: { cluster: 'a', upgrade_configs }, metadata },
  { name: 'ü', match: { connect_matcher: {} }, route: { weighted_clusters: { clusters } } },
  {
    metadata: { filter_metadata: { other: { resources: [resource] } } },
    route: {
      weighted_clusters: { clusters, total_weight: { value: 90 } },
      request_mirror_policies: [{ cluster: 'm' }, {}, { cluster: 'n' }],
    },
  },
].map(encodeRoute);

const rare = [
  { redirect: { path_redirect: '/' } },
  { route: { cluster_header: 'x' } },
  { route: { weighted_clusters: { clusters: [{ cluster_header: 'x' }] } } },
  { route: { cluster: 'a', upgrade_configs: [{ upgrade_type: 'x', enabled: { value: false } }] } },
].map(encodeRoute);

function encodeRoute(route: object): Uint8Array {
  return encodeXds('envoy.config.route.v3.Route', route);
}

function readAtOnce(route: Uint8Array) {
  const reader = new FieldReader(encodeField(fields.VirtualHost.routes, route));
  reader.next();
  const read = readPlainRoute(reader);
  if (read?.object === undefined) return read;
  const { kind, namespace, name } = read.object; // of rarer metadata there is more
  return { ...read, object: { kind, namespace, name } };
}

function readByParts(route: Uint8Array) {
  const { action, ...view } = readRoute(route);
  const object = readGatewayObject(route, fields.Route.metadata);
  const names = object && { kind: object.kind, namespace: object.namespace, name: object.name };
  return { ...view, action: readAction(action ?? new Uint8Array()), object: names };
}

describe('a plain route', () => {
  it.each(plain)('is read in one walk as it is read in several', (route) => {
    expect(readAtOnce(route)).toEqual(readByParts(route));
  });

  it.each(rare)('is none that does not forward, or has a rarer form', (route) => {
    expect(readAtOnce(route)).toBeUndefined();
  });

  it.each(['match', 'route', 'metadata'] as const)('has not two of %s', (field) => {
    const [route = new Uint8Array()] = plain;
    const another = encodeField(fields.Route[field], new Uint8Array());
    expect(readAtOnce(Buffer.concat([route, another]))).toBeUndefined();
  });

  it('is read the same in one walk, whatever damage is done', () => {
    const damage = fc.tuple(
      fc.constantFrom(...plain, ...rare),
      fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(damage, ([route, changes]) => {
        const bytes = Uint8Array.from(route);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const read = readAtOnce(bytes);
        if (read !== undefined) expect(read).toEqual(readByParts(bytes));
      }),
      { numRuns: 5_000 },
    );
  });
});
