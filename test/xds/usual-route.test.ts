import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routeTraits } from '../../src/xds/action-scan.ts';
import { Column } from '../../src/xds/column.ts';
import { encodeField } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { fields } from '../../src/xds/fields.ts';
import { hashText } from '../../src/xds/name-hash.ts';
import { readPlainRoute } from '../../src/xds/plain-route.ts';
import type { Span } from '../../src/xds/span.ts';
import { decodeString } from '../../src/xds/text.ts';
import { UsualRoute } from '../../src/xds/usual-route.ts';
import { bytesBehind, wordsOf } from '../../src/xds/words.ts';
import { encodeXds } from '../support/xds.ts';

const resource = { kind: 'HTTPRoute', namespace: 'ns', name: 'app', sectionName: 'rule-0' };
const metadata = { filter_metadata: { 'envoy-gateway': { resources: [resource] } } };
const upgrade_configs = [{ upgrade_type: 'websocket' }];
const name = 'httproute/ns/app/rule/0/match/0/host';
const forward = {
  name,
  match: { prefix: '/' },
  route: { cluster: 'c', upgrade_configs },
  metadata,
};
const { match, route } = forward;

const usual = [
  forward,
  { ...forward, route: { cluster: 'ü' }, name: 'ü' },
  { ...forward, match: { prefix: '/', headers: [{ name: 'x', present_match: true }] } },
  { name, route, metadata, decorator: { operation: 'x' } },
  { match, route, metadata },
  { ...forward, route: { ...route, timeout: { seconds: 1 }, cluster_not_found_response_code: 1 } },
].map(encodeRoute);

const other = [
  { ...forward, match: { connect_matcher: {} } },
  { name, match, route },
  { ...forward, metadata: { filter_metadata: { other: {} } } },
  { name, match, metadata, redirect: { path_redirect: '/' } },
  { ...forward, route: { cluster_header: 'x' } },
  { ...forward, route: { weighted_clusters: { clusters: [{ name: 'c' }] } } },
  { ...forward, route: { ...route, request_mirror_policies: [{ cluster: 'm' }] } },
  { ...forward, route: { cluster: 'c', upgrade_configs: [{ upgrade_type: 'spdy/3.1' }] } },
  {
    ...forward,
    route: { cluster: 'c', upgrade_configs: [...upgrade_configs, ...upgrade_configs] },
  },
].map(encodeRoute);

function encodeRoute(message: object): Uint8Array {
  return encodeXds('envoy.config.route.v3.Route', message);
}

/** As a host has it, with something in front of it and behind. */
function readAtAGlance(bytes: Uint8Array) {
  const message = Buffer.concat([Buffer.alloc(3, 0x0a), bytes, Buffer.alloc(bytesBehind, 0x0a)]);
  const its = new UsualRoute();
  const clusters = new Column();
  if (!its.read(wordsOf(message), 3, 3 + bytes.length, clusters)) {
    expect(clusters.length).toBe(0);
    return undefined;
  }
  if ((its.traits & routeTraits.weighted) !== 0) return undefined;
  const textAt = ({ from, to }: Span) => decodeString(message.subarray(from, to));
  const { kind, namespace, name } = its.object;
  expect([clusters.length, clusters.at(0)]).toEqual([1, hashText(textAt(its.cluster))]);
  return {
    name: textAt(its.name),
    matchesConnect: false,
    ambiguous: false,
    action: {
      destination: { kind: 'cluster', cluster: textAt(its.cluster) },
      mirrors: [],
      upgrades: its.hasWebSocket ? ['websocket'] : [],
    },
    object: { kind: textAt(kind), namespace: textAt(namespace), name: textAt(name) },
  };
}

function readInOneWalk(bytes: Uint8Array) {
  const reader = new FieldReader(encodeField(fields.VirtualHost.routes, bytes));
  reader.next();
  return readPlainRoute(reader);
}

describe('a usual route', () => {
  it.each(usual)('is read at a glance as it is read in one walk', (bytes) => {
    const read = readAtAGlance(bytes);
    expect(read).toBeDefined();
    expect(read).toEqual(readInOneWalk(bytes));
  });

  it.each(other)('is none that looks otherwise', (bytes) => {
    expect(readAtAGlance(bytes)).toBeUndefined();
  });

  it.each(['match', 'route', 'metadata', 'name', 'redirect'] as const)(
    'has no further %s',
    (field) => {
      const [first = new Uint8Array()] = usual;
      const another = encodeField(fields.Route[field], new Uint8Array());
      expect(readAtAGlance(Buffer.concat([first, another]))).toBeUndefined();
    },
  );

  it('is read the same at a glance, whatever damage is done', () => {
    const damage = fc.tuple(
      fc.constantFrom(...usual, ...other),
      fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(damage, ([bytes, changes]) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        const read = readAtAGlance(damaged);
        if (read !== undefined) expect(read).toEqual(readInOneWalk(damaged));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is told in any order of its fields', () => {
    const parts = fieldsOf(usual[0] ?? new Uint8Array());
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (shuffled) => {
        const bytes = Buffer.concat(shuffled);
        const read = readAtAGlance(bytes);
        expect(read).toBeDefined();
        expect(read).toEqual(readInOneWalk(bytes));
      }),
    );
  });
});

function fieldsOf(message: Uint8Array): Uint8Array[] {
  const reader = new FieldReader(message);
  const parts: Uint8Array[] = [];
  while (reader.next()) parts.push(reader.raw());
  return parts;
}
