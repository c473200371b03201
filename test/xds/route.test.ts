import { describe, expect, it } from 'vitest';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { readAction, readRoute } from '../../src/xds/route.ts';
import { decodeXds, encodeXds } from '../support/xds.ts';
import { encodeTag, encodeVarint, lengthDelimited } from './arbitrary-message.ts';

const route = (value: object) => encodeXds('envoy.config.route.v3.Route', value);
const action = (value: object) => encodeXds('envoy.config.route.v3.RouteAction', value);
const forward = { match: { prefix: '/' }, route: { cluster: 'a' } };
const websocket = { upgrade_type: 'websocket' };

describe('readRoute', () => {
  it('tells name and action, and that a plain route is neither CONNECT nor ambiguous', () => {
    const view = readRoute(route({ ...forward, name: 'httproute/a/b/rule/0/match/0/*' }));
    expect(view).toMatchObject({
      name: 'httproute/a/b/rule/0/match/0/*',
      matchesConnect: false,
      ambiguous: false,
    });
    expect(view.action && Buffer.from(view.action)).toEqual(Buffer.from(action({ cluster: 'a' })));
  });

  it('reads the fields in any order', () => {
    const name = route({ name: 'n' });
    const parts = [route({ match: { prefix: '/' } }), name, route({ route: { cluster: 'a' } })];
    const forwards = readRoute(Buffer.concat(parts));
    const backwards = readRoute(Buffer.concat(parts.toReversed()));
    expect(backwards).toEqual(forwards);
    expect(backwards.name).toBe('n');
  });

  it.each([
    ['redirect', { redirect: { host_redirect: 'x' } }],
    ['direct_response', { direct_response: { status: 503 } }],
    ['filter_action', { filter_action: {} }],
    ['non_forwarding_action', { non_forwarding_action: {} }],
    ['nothing', {}],
  ])('has no action when the route does not forward: %s', (_name, value) => {
    const view = readRoute(route({ match: { prefix: '/' }, ...value }));
    expect(view).toMatchObject({ action: undefined, ambiguous: false });
  });

  it('knows a route that matches CONNECT', () => {
    const view = readRoute(route({ match: { connect_matcher: {} }, route: { cluster: 'a' } }));
    expect(view.matchesConnect).toBe(true);
  });

  it.each([
    ['the action', { route: { cluster: 'b' } }],
    ['another member of the oneof', { redirect: { host_redirect: 'x' } }],
    ['the match', { match: { prefix: '/' } }],
    ['the metadata', { metadata: {} }],
  ])('is ambiguous where %s occurs a second time', (_name, extra) => {
    const twice = [route({ ...forward, metadata: {} }), route(extra)];
    expect(readRoute(Buffer.concat(twice)).ambiguous).toBe(true);
    expect(readRoute(Buffer.concat(twice.toReversed())).ambiguous).toBe(true);
  });

  it('keeps the last of a name given twice, as every decoder does', () => {
    const view = readRoute(Buffer.concat([route({ name: 'first' }), route({ name: 'last' })]));
    expect(view).toMatchObject({ name: 'last', ambiguous: false });
  });

  it.each([
    ['match', 1],
    ['route', 2],
    ['name', 14],
  ])('says when %s has another wire type', (name, number) => {
    const bytes = Buffer.concat([encodeTag(number, 0), encodeVarint(1n)]);
    expect(() => readRoute(bytes)).toThrow(
      `${name} (field ${number} of envoy.config.route.v3.Route)`,
    );
    expect(() => readRoute(bytes)).toThrow(MalformedMessageError);
  });
});

describe('where an action sends a request', () => {
  const destination = (value: object) => readAction(action(value)).destination;

  it('is its cluster', () => {
    expect(destination({ cluster: 'a' })).toEqual({ kind: 'cluster', cluster: 'a' });
  });

  it('is its weighted clusters, in order, weight 0 where none is given', () => {
    const clusters = [
      { name: 'a', weight: { value: 9 } },
      { name: 'b', weight: { value: 0 } },
      { name: 'c' },
      { name: 'd', weight: {} },
    ];
    expect(destination({ weighted_clusters: { clusters } })).toEqual({
      kind: 'weighted',
      fixed: false,
      entries: [
        { cluster: 'a', weight: 9 },
        { cluster: 'b', weight: 0 },
        { cluster: 'c', weight: 0 },
        { cluster: 'd', weight: 0 },
      ],
    });
  });

  it('takes the low 32 bits of a weight that is longer, as decoders do', () => {
    const weight = Buffer.concat([encodeTag(1, 0), encodeVarint((1n << 32n) + 5n)]);
    const official = decodeXds('google.protobuf.UInt32Value', weight);
    const bytes = lengthDelimited(3, lengthDelimited(1, lengthDelimited(2, weight)));
    expect(readAction(bytes).destination).toMatchObject({ entries: [{ weight: official.value }] });
  });

  it('is "" for an entry that a request header chooses', () => {
    const clusters = [{ cluster_header: 'x-to', weight: { value: 1 } }];
    expect(destination({ weighted_clusters: { clusters } })).toMatchObject({
      entries: [{ cluster: '', weight: 1 }],
    });
  });

  it('is fixed when the split has a total weight of its own', () => {
    const split = { clusters: [{ name: 'a' }], total_weight: { value: 100 } };
    expect(destination({ weighted_clusters: split })).toMatchObject({ fixed: true });
  });

  it('is a split without entries when it is empty', () => {
    expect(destination({ weighted_clusters: {} })).toMatchObject({ kind: 'weighted', entries: [] });
  });

  it.each([
    ['request-decides', { cluster_header: 'x-to' }],
    ['request-decides', { cluster_specifier_plugin: 'p' }],
    ['inline-plugin', { inline_cluster_specifier_plugin: {} }],
  ])('is %s for %j', (kind, value) => {
    expect(destination(value)).toEqual({ kind });
  });

  it.each([
    ['nothing at all', []],
    ['a cluster twice', [{ cluster: 'a' }, { cluster: 'b' }]],
    ['a cluster and a header', [{ cluster: 'a' }, { cluster_header: 'x' }]],
    [
      'a split twice, which merges',
      [
        { weighted_clusters: { clusters: [{ name: 'a' }] } },
        { weighted_clusters: { clusters: [{ name: 'b' }] } },
      ],
    ],
  ])('is ambiguous where decoders would have to choose: %s', (_name, actions) => {
    const bytes = Buffer.concat(actions.map(action));
    expect(readAction(bytes).destination.kind).toBe('ambiguous');
  });

  it('tells every cluster that an ambiguous action names', () => {
    const bytes = Buffer.concat([
      action({ cluster: 'a' }),
      action({ weighted_clusters: { clusters: [{ name: 'b', weight: { value: 2 } }] } }),
    ]);
    expect(readAction(bytes).destination).toEqual({
      kind: 'ambiguous',
      entries: [
        { cluster: 'a', weight: 1 },
        { cluster: 'b', weight: 2 },
      ],
    });
  });

  it('is ambiguous where an entry has its weight twice', () => {
    const weight = lengthDelimited(2, encodeXds('google.protobuf.UInt32Value', { value: 1 }));
    const entry = lengthDelimited(1, Buffer.concat([weight, weight]));
    const bytes = lengthDelimited(3, entry);
    expect(readAction(bytes).destination.kind).toBe('ambiguous');
  });

  it('is found wherever it stands, behind unknown fields of every wire type too', () => {
    const unknown = Buffer.concat([
      encodeTag(5_000, 0),
      encodeVarint(1n, 10),
      encodeTag(5_001, 3),
      action({ cluster: 'inside a group' }),
      encodeTag(5_001, 4),
      encodeTag(5_002, 1),
      new Uint8Array(8),
    ]);
    const bytes = Buffer.concat([
      action({ upgrade_configs: [websocket] }),
      unknown,
      action({ cluster: 'a' }),
    ]);
    expect(readAction(bytes)).toMatchObject({
      destination: { kind: 'cluster', cluster: 'a' },
      upgrades: ['websocket'],
    });
  });
});

describe('what else an action says', () => {
  it('are its mirrors in order, "" for one that a header chooses', () => {
    const mirrors = [{ cluster: 'm0' }, { cluster_header: 'x' }, { cluster: 'm2' }];
    const bytes = action({ cluster: 'a', request_mirror_policies: mirrors });
    expect(readAction(bytes).mirrors).toEqual(['m0', '', 'm2']);
  });

  it('are the upgrades it switches on, as written', () => {
    const configs = [
      { upgrade_type: 'WebSocket' },
      { upgrade_type: 'CONNECT', enabled: { value: true } },
      { upgrade_type: 'off', enabled: { value: false } },
      { upgrade_type: 'off by default value', enabled: {} },
    ];
    const bytes = action({ cluster: 'a', upgrade_configs: configs });
    expect(readAction(bytes).upgrades).toEqual(['WebSocket', 'CONNECT']);
  });

  it('merges a switch given twice, as every decoder does', () => {
    const enabled = (value: object) =>
      lengthDelimited(2, encodeXds('google.protobuf.BoolValue', value));
    const config = (...values: Uint8Array[]) =>
      lengthDelimited(
        25,
        Buffer.concat([
          encodeXds('envoy.config.route.v3.RouteAction.UpgradeConfig', websocket),
          ...values,
        ]),
      );
    const bytes = Buffer.concat([
      config(enabled({ value: true }), enabled({})),
      config(enabled({ value: true }), lengthDelimited(2, Uint8Array.of(0x08, 0x00))),
    ]);
    expect(readAction(bytes).upgrades).toEqual(['websocket']);
  });

  it('names the place in an error', () => {
    const bytes = Buffer.concat([
      action({ cluster: 'a' }),
      lengthDelimited(30, Uint8Array.of(0x0e)),
    ]);
    expect(() => readAction(bytes)).toThrow(
      'route.request_mirror_policies[0] at byte 6: wire type 6 does not exist',
    );
  });
});
