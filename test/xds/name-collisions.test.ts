import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameVirtualHosts } from '../../src/rewrites/offline-connectors/our-names.ts';
import { sanitizeVirtualHostNames } from '../../src/xds/names.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { encodeRequest } from '../support/xds.ts';

const hashOf = (name: string) => createHash('sha256').update(name).digest('hex').slice(0, 8);
const names = fc.array(
  fc.string({ unit: fc.constantFrom('a', 'b', 'A', '/', '-', '_', '.', '*') }),
);

describe('sanitised virtual host names', () => {
  it('are all different and contain nothing but [a-z0-9.-], whatever the names', () => {
    fc.assert(
      fc.property(names, (given) => {
        const sanitized = [...sanitizeVirtualHostNames(given).values()];
        expect(new Set(sanitized).size).toBe(new Set(given).size);
        for (const name of sanitized) expect(name).toMatch(/^[a-z0-9.-]*$/);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are the same whether or not the bytes of all names have to be read for them', () => {
    fc.assert(
      fc.property(names, (given) => {
        const routes = given.map((name) => ({ name, virtual_hosts: [{ name }] }));
        const nameOf = nameVirtualHosts(readSnapshot(encodeRequest({ routes })));
        for (const [name, sanitized] of sanitizeVirtualHostNames(given)) {
          expect(nameOf(name)).toBe(sanitized);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('end in the first 8 hex digits of their own sha256 where they would meet', () => {
    const sanitized = sanitizeVirtualHostNames(['a/b-c', 'a-b/c']);
    expect(sanitized.get('a/b-c')).toBe(`a-b-c-${hashOf('a/b-c')}`);
    expect(sanitized.get('a-b/c')).toBe(`a-b-c-${hashOf('a-b/c')}`);
  });

  it('do not depend on order or repetition', () => {
    fc.assert(
      fc.property(names, (given) => {
        const backwards = sanitizeVirtualHostNames([...given, ...given.toReversed()].toReversed());
        for (const [name, sanitized] of sanitizeVirtualHostNames(given)) {
          expect(backwards.get(name)).toBe(sanitized);
        }
      }),
    );
  });

  it('do not meet a name that looks like another’s with its hash', () => {
    const crafted = `a/b-c-${hashOf('a/b-c')}`;
    const sanitized = sanitizeVirtualHostNames(['a/b-c', 'a-b/c', crafted]);
    expect(new Set(sanitized.values()).size).toBe(3);
  });
});
