import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { examineRoute, type Findings } from '../../src/invariants/examine-route.ts';
import { isRouteSound } from '../../src/invariants/sound-route.ts';
import { decodeString } from '../../src/xds/text.ts';
import { encodeXds } from '../support/xds.ts';

const maxBodyBytes = 20;

/** What a look says of a route, and which clusters it was asked about. */
function lookAt(route: Uint8Array, allows: (cluster: string) => boolean = () => true) {
  const clusters = new Set<string>();
  const rules = {
    maxBodyBytes,
    allowsCluster(message: Uint8Array, from: number, to: number) {
      const cluster = decodeString(message.subarray(from, to));
      clusters.add(cluster);
      return allows(cluster);
    },
  };
  // Between other bytes, which it must not look at.
  const whole = Buffer.concat([Uint8Array.of(1), route, Uint8Array.of(2)]);
  return { isSound: isRouteSound(whole, 1, route.length + 1, rules), clusters };
}

const cluster = fc.constantFrom('north', 'south', '');
const uint32 = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(2 ** 32 - 1));
const weighted = fc.array(
  fc.record({ name: cluster, weight: fc.record({ value: uint32 }) }, { requiredKeys: ['name'] }),
  { maxLength: 3 },
);
const action = fc.record(
  {
    cluster,
    weighted_clusters: fc.record({ clusters: weighted }),
    request_mirror_policies: fc.array(fc.record({ cluster }), { maxLength: 2 }),
    upgrade_configs: fc.array(
      fc.record({ upgrade_type: fc.constantFrom('websocket', 'WebSocket', 'CONNECT') }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);
const text = fc.string({ maxLength: 30 });
const body = fc.oneof(
  fc.record({ inline_string: text }),
  text.map((one) => ({ inline_bytes: Buffer.from(one) })),
);
const match = fc.constant({ prefix: '/' });
const direct_response = fc.record(
  { status: fc.constantFrom(0, 199, 200, 503, 599, 600), body },
  { requiredKeys: ['status'] },
);
const route = fc
  .oneof(
    { weight: 3, arbitrary: fc.record({ match, route: action }) },
    { weight: 2, arbitrary: fc.record({ match, direct_response }) },
    fc.record({ match, redirect: fc.constant({ path_redirect: '/' }) }),
    fc.record({ match }),
    fc.record({ route: action }),
  )
  .map((one) => encodeXds('envoy.config.route.v3.Route', one));

/** A route with some bytes that are not as they were encoded. */
const damaged = fc
  .tuple(route, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }))
  .map(([bytes, changes]) => {
    const copy = Uint8Array.from(bytes);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy;
  });

function examined(bytes: Uint8Array): Findings {
  const findings: Findings = { clusters: new Set(), violations: [] };
  examineRoute(bytes, maxBodyBytes, findings);
  return findings;
}

describe('a route that is sound at a glance', () => {
  it('has nothing wrong when it is examined, and names no cluster that was not asked about', () => {
    fc.assert(
      fc.property(fc.oneof(route, damaged), (bytes) => {
        const { isSound, clusters } = lookAt(bytes);
        if (!isSound) return;
        const findings = examined(bytes);
        expect(findings.violations).toEqual([]);
        expect([...findings.clusters].filter((one) => !clusters.has(one))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is every undamaged one that has nothing wrong and at most one upgrade', () => {
    fc.assert(
      fc.property(route, (bytes) => {
        const upgrades =
          Buffer.from(bytes)
            .toString('latin1')
            .match(/websocket|connect/gi) ?? [];
        const isGood = examined(bytes).violations.length === 0 && upgrades.length < 2;
        if (isGood) expect(lookAt(bytes).isSound).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is none that names a cluster which is not allowed', () => {
    fc.assert(
      fc.property(route, (bytes) => {
        const named = [...examined(bytes).clusters];
        const isSound = lookAt(bytes, () => false).isSound;
        if (named.length > 0) expect(isSound).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
