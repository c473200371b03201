import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { rewriteSnapshot, type State } from '../../src/rewrites/pipeline.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { captures } from '../support/captures.ts';
import { makeFleet } from '../support/fleet.ts';
import { injectUnknownFields } from '../support/unknown-fields.ts';
import {
  decodeSnapshot,
  decodeXds,
  encodeRequest,
  encodeXds,
  requestFromResponse,
} from '../support/xds.ts';

const settings = configSchema.parse({});
const nothing: State = { connectors: ConnectorView.empty, backendRefs: noBackendRefs };
const berlinIsOffline: State = {
  backendRefs: noBackendRefs,
  connectors: new ConnectorView([
    {
      connector: { name: 'berlin', online: false },
      routes: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin' }],
      clusters: [],
    },
  ]),
};
/** A state that speaks of routes which are not there: everything is looked at, nothing changes. */
const elsewhere: State = {
  backendRefs: noBackendRefs,
  connectors: new ConnectorView([
    {
      connector: { name: 'nowhere', online: false },
      routes: [{ kind: 'HTTPRoute', namespace: 'default', name: 'nowhere' }],
      clusters: ['no-such-cluster'],
    },
  ]),
};

function answer(request: Uint8Array, state: State): Uint8Array {
  return encodeResponse(rewriteSnapshot(readSnapshot(request), state, settings).snapshot);
}

function equalRetagged(request: Uint8Array, response: Uint8Array): boolean {
  const snapshot = requestFromResponse(response);
  const received = [...readSnapshot(request).resources].map(({ value }) => Buffer.from(value));
  const answered = [...snapshot.resources].map(({ value }) => Buffer.from(value));
  return (
    received.length === answered.length &&
    received.every((value, index) => Buffer.compare(value, answered[index] ?? value) === 0)
  );
}

describe.each(captures)('a snapshot of the real Envoy Gateway: $name', ({ request }) => {
  it('comes back byte-equal, retagged, when there are no connectors', () => {
    expect(equalRetagged(request, answer(request, nothing))).toBe(true);
  });

  it('comes back byte-equal when the connectors are behind other routes', () => {
    expect(equalRetagged(request, answer(request, elsewhere))).toBe(true);
  });

  it('keeps unknown fields at every level', () => {
    const odd = injectUnknownFields(request);
    expect(odd.length).toBeGreaterThan(request.length * 1.5);
    expect(equalRetagged(odd, answer(odd, nothing))).toBe(true);
    expect(equalRetagged(odd, answer(odd, elsewhere))).toBe(true);
  });

  it('is answered in the same places when unknown fields are injected at every level', () => {
    const plain = rewriteSnapshot(readSnapshot(request), berlinIsOffline, settings);
    const odd = rewriteSnapshot(
      readSnapshot(injectUnknownFields(request)),
      berlinIsOffline,
      settings,
    );
    expect(odd.report).toEqual(plain.report);
    expect(decodeSnapshot(odd.snapshot)).toEqual(decodeSnapshot(plain.snapshot));
  });

  it('does not change when the rewrites see their own output', () => {
    const once = answer(request, berlinIsOffline);
    const twice = rewriteSnapshot(requestFromResponse(once), berlinIsOffline, settings);
    expect(twice.report.changes).toEqual([]);
    expect(Buffer.compare(encodeResponse(twice.snapshot), once)).toBe(0);
  });

  it('is not changed in place: the request’s own bytes stay', () => {
    const copy = Buffer.from(request);
    answer(request, berlinIsOffline);
    expect(Buffer.compare(copy, request)).toBe(0);
  });
});

describe('input that is damaged', () => {
  const smallest = captures.toSorted((a, b) => a.request.length - b.request.length)[0];
  const request = smallest?.request ?? new Uint8Array();

  it('truncated at any byte ends in an answer or a reason, never in a crash', () => {
    for (let length = 0; length < request.length; length++) {
      expectAnswerOrReason(request.subarray(0, length));
    }
  });

  it('with random bits flipped ends in an answer or a reason, never in a crash', () => {
    const flips = fc.array(fc.nat(request.length * 8 - 1), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(flips, (bits) => {
        const damaged = Buffer.from(request);
        for (const bit of bits) {
          damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        }
        expectAnswerOrReason(damaged);
      }),
      { numRuns: 1_000 },
    );
  });

  function expectAnswerOrReason(damaged: Uint8Array): void {
    try {
      readSnapshot(answer(damaged, berlinIsOffline));
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError);
      expect(String(error)).toMatch(/PostTranslateModifyRequest.* at byte \d+: /);
    }
  }
});

describe('one malformed resource', () => {
  const berlin = routeConfiguration('default/eg/http', 'berlin.example.com');

  it('passes through and is reported, while the others are rewritten', () => {
    const bad = Buffer.from([0x12, 0x7f, 0x01]);
    const request = withResources([5, bad], [5, berlin]);
    const { snapshot, report } = rewriteSnapshot(readSnapshot(request), berlinIsOffline, settings);
    expect(report.skips).toMatchObject([
      { reason: 'malformed-resource', place: { kind: 'routes', resource: 'routes[0]' } },
    ]);
    expect(report.skips[0]?.detail).toMatch(/^routes\[0\] at byte 0: field 2 wants 127 bytes/);
    const [came] = readSnapshot(request).resources;
    const [first] = snapshot.resources;
    expect(first?.value).toEqual(came?.value);
    expect(report.changes.map(({ effect }) => effect)).toContain('route-answered');
  });

  it('does not leave half of its changes in the report', () => {
    const brokenHost = Buffer.from([0x12, 0x02, 0x1a, 0x05]);
    const request = withResources([5, Buffer.concat([berlin, brokenHost])]);
    const { snapshot, report } = rewriteSnapshot(readSnapshot(request), berlinIsOffline, settings);
    expect(report.changes).toEqual([]);
    expect(report.skips).toMatchObject([{ reason: 'malformed-resource' }]);
    expect(report.skips[0]?.detail).toContain('routes[0].virtual_hosts[1]');
    expect(equalRetagged(request, encodeResponse(snapshot))).toBe(true);
  });
});

describe('fields that decoders merge', () => {
  it('are left alone in a route’s action, and reported', () => {
    const twice = Buffer.concat([action('somewhere'), action('httproute/default/berlin/rule/0')]);
    const route = Buffer.concat([encodeXds('envoy.config.route.v3.Route', identity), twice]);
    expect(skipsOf(route)).toMatchObject([{ reason: 'ambiguous-encoding' }]);
  });

  it('are left alone in a cluster specifier, and reported', () => {
    const inner = { cluster: 'httproute/default/berlin/rule/0' };
    const cluster = Buffer.from(encodeXds('envoy.config.route.v3.RouteAction', inner));
    const both = Buffer.concat([cluster, cluster]);
    const field = Buffer.concat([Buffer.from([0x12, both.length]), both]);
    const route = Buffer.concat([encodeXds('envoy.config.route.v3.Route', identity), field]);
    expect(skipsOf(route)).toMatchObject([{ reason: 'ambiguous-encoding' }]);
  });

  const identity = {
    name: 'httproute/default/berlin/rule/0/match/0/x',
    match: { prefix: '/' },
    metadata: {
      filter_metadata: {
        'envoy-gateway': {
          resources: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin' }],
        },
      },
    },
  };

  function action(cluster: string): Uint8Array {
    return encodeXds('envoy.config.route.v3.Route', { route: { cluster } });
  }

  function skipsOf(route: Uint8Array) {
    const host = Buffer.concat([
      encodeXds('envoy.config.route.v3.VirtualHost', { name: 'vh', domains: ['*'] }),
      lengthDelimited(3, route),
    ]);
    const request = withResources([5, lengthDelimited(2, host)]);
    const { snapshot, report } = rewriteSnapshot(readSnapshot(request), berlinIsOffline, settings);
    expect(report.changes).toEqual([]);
    expect(equalRetagged(request, encodeResponse(snapshot))).toBe(true);
    return report.skips;
  }
});

it('answers every offline route of 1,000 gateways and opens every online tunnel', () => {
  const fleet = makeFleet(1_000);
  const request = encodeRequest(fleet.snapshot);
  const state = { connectors: new ConnectorView(fleet.connectors), backendRefs: noBackendRefs };
  const { snapshot, report } = rewriteSnapshot(readSnapshot(request), state, settings);
  expect(fleet.offline.size).toBe(100);
  expect(fleet.online.size).toBe(200);
  expect(report.skips).toEqual([]);
  for (const { kind, value } of snapshot.resources) {
    if (kind === 'clusters') expectTunnelWhereOnline(value);
    if (kind === 'routes') expectAnswerWhereOffline(value);
  }
  expect(report.changes.filter(({ effect }) => effect === 'route-answered')).toHaveLength(100);
  expect(report.changes.filter(({ effect }) => effect === 'connect-tunnelled')).toHaveLength(200);

  function expectTunnelWhereOnline(value: Uint8Array): void {
    const cluster = decodeXds('envoy.config.cluster.v3.Cluster', value);
    const isTunnel = JSON.stringify(cluster).includes('connector-tunnel');
    expect(isTunnel).toBe(fleet.online.has(String(cluster.name)));
  }

  function expectAnswerWhereOffline(value: Uint8Array): void {
    const text = JSON.stringify(decodeXds('envoy.config.route.v3.RouteConfiguration', value));
    const forwards = [...text.matchAll(/"cluster":"([^"]+rule\/0)"/g)].map((match) => match[1]);
    expect(forwards.filter((cluster) => fleet.offline.has(cluster ?? ''))).toEqual([]);
    if (forwards.length === 0) expect(text).toContain('Tunnel not online');
    expect(text).toContain('path_separated_prefix":"/health"');
  }
});

function routeConfiguration(name: string, host: string): Uint8Array {
  return encodeXds('envoy.config.route.v3.RouteConfiguration', {
    name,
    virtual_hosts: [
      {
        name: `${name}/${host}`,
        domains: [host],
        routes: [
          {
            name: 'httproute/default/berlin/rule/0/match/0/x',
            match: { prefix: '/' },
            route: { cluster: 'httproute/default/berlin/rule/0' },
          },
        ],
      },
    ],
  });
}

function lengthDelimited(number: number, value: Uint8Array): Buffer {
  const length = value.length;
  const size = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from([number * 8 + 2, ...size]), value]);
}

function withResources(...resources: (readonly [number, Uint8Array])[]): Buffer {
  return Buffer.concat(resources.map(([number, value]) => lengthDelimited(number, value)));
}
