import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { ClusterIndex } from '../../src/xds/cluster-index.ts';
import { ClusterScanner } from '../../src/xds/cluster-scan.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { bytesBehind, wordsOf } from '../../src/xds/words.ts';
import { captures } from '../support/captures.ts';
import { encodeXds } from '../support/xds.ts';

const cluster = (value: object) => encodeXds('envoy.config.cluster.v3.Cluster', value);

const usual = [
  cluster({ name: 'httproute/a/b/rule/0', type: 'EDS', connect_timeout: { seconds: 10 } }),
  cluster({ name: 'ü', type: 'STATIC', lb_policy: 'LEAST_REQUEST', alt_stat_name: 'x' }),
  cluster({ name: 'n'.repeat(300), type: 'STRICT_DNS', common_lb_config: {} }),
  cluster({}),
];
const other = [
  cluster({ name: 'custom', cluster_type: { name: 'x' } }),
  cluster({ name: 'n'.repeat(20_000) }),
  Uint8Array.of(0x0a, 0x05),
  Uint8Array.of(0x08, 0x01),
];

/** What is seen of a cluster, with something in front of it and behind. */
function scanByWords(bytes: Uint8Array) {
  const message = Buffer.concat([Buffer.alloc(3, 0x0a), bytes, Buffer.alloc(bytesBehind, 0x0a)]);
  const scanner = new ClusterScanner();
  return scanner.scanUsual(wordsOf(Uint8Array.from(message)), 3, 3 + bytes.length)
    ? seenBy(scanner)
    : undefined;
}

function scanByFields(bytes: Uint8Array) {
  const scanner = new ClusterScanner();
  return scanner.scan(bytes) ? seenBy(scanner) : undefined;
}

function seenBy({ name, nameFrom, nameTo, isEds }: ClusterScanner) {
  return { name, nameFrom, nameTo, isEds };
}

describe('a scan of clusters', () => {
  it.each(usual)('sees by words what it sees field by field', (bytes) => {
    expect(scanByWords(bytes)).toBeDefined();
    expect(scanByWords(bytes)).toEqual(scanByFields(bytes));
  });

  it.each(other)('leaves to others what looks otherwise', (bytes) => {
    expect(scanByWords(bytes)).toBeUndefined();
  });

  it('sees the same, whatever damage is done, and nothing at the very end of a buffer', () => {
    const damage = fc.tuple(
      fc.constantFrom(...usual, ...other.slice(0, 1)),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(damage, ([bytes, changes]) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, value] of changes) {
          if (damaged.length > 0) damaged[at % damaged.length] = value;
        }
        const seen = scanByWords(damaged);
        if (seen !== undefined) expect(seen).toEqual(scanByFields(damaged));
        expect(new ClusterScanner().scanUsual(wordsOf(damaged), 0, damaged.length)).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(captures)('sees by words most clusters of a capture: $name', ({ request }) => {
    const clusters = [...readSnapshot(request).resources.lists.clusters];
    const seen = clusters.filter((value) => scanByWords(value) !== undefined);
    expect(seen.length).toBeGreaterThan(clusters.length / 2);
    for (const value of seen) expect(scanByWords(value)).toEqual(scanByFields(value));
  });

  it('sees by words all clusters of a fleet that are indexed', () => {
    const { request } = makeFleet(20);
    const scan = vi.spyOn(ClusterScanner.prototype, 'scan');
    const byWords = vi.spyOn(ClusterScanner.prototype, 'scanUsual');
    new ClusterIndex(readSnapshot(request));
    expect(byWords).toHaveBeenCalledTimes(60);
    expect(scan).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});
