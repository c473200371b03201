import { describe, expect, it } from 'vitest';
import { findChanged } from '../../src/invariants/changed-resources.ts';
import { resourceTypes } from '../../src/xds/resource-types.ts';
import {
  mapResources,
  type ResourceKind,
  readSnapshot,
  type Snapshot,
} from '../../src/xds/snapshot.ts';
import { encodeXds } from '../support/xds.ts';
import { lengthDelimited } from '../xds/arbitrary-message.ts';

const named = (kind: ResourceKind, name: string) => encodeXds(resourceTypes[kind], { name });

/** Two clusters, and one more behind a route configuration. */
const came = readSnapshot(
  Buffer.concat([
    lengthDelimited(2, named('clusters', 'a')),
    lengthDelimited(2, named('clusters', 'b')),
    lengthDelimited(5, named('routes', 'r')),
    lengthDelimited(2, named('clusters', 'c')),
  ]),
);

function replace(snapshot: Snapshot, kind: ResourceKind, at: number, value: Uint8Array): Snapshot {
  return mapResources(snapshot, kind, {
    rewrite: (its, index) => (index === at ? value : its),
    unreadable: () => {},
  });
}

function add(snapshot: Snapshot, name: string): Snapshot {
  return { ...snapshot, resources: snapshot.resources.plus('clusters', [named('clusters', name)]) };
}

/** What is found, by names and places. */
function changedIn(before: Snapshot, after: Snapshot) {
  const { changed, lost } = findChanged(before, after);
  expect(lost).toBeUndefined();
  return changed.map(({ kind, index, place, name, before: was }) => {
    return [kind, index, place, name, was === undefined ? 'added' : 'replaced'];
  });
}

describe('what a rewrite changed', () => {
  it('is nothing where nothing is another one', () => {
    expect(changedIn(came, came)).toEqual([]);
    expect(changedIn(came, { ...came })).toEqual([]);
  });

  it('is known by its place in its list and in the snapshot', () => {
    const last = replace(came, 'clusters', 2, named('clusters', 'c'));
    expect(changedIn(came, last)).toEqual([['clusters', 2, 3, 'c', 'replaced']]);
    const both = replace(last, 'routes', 0, named('routes', 'r'));
    expect(changedIn(came, add(both, 'd'))).toEqual([
      ['routes', 0, 2, 'r', 'replaced'],
      ['clusters', 2, 3, 'c', 'replaced'],
      ['clusters', 3, 4, 'd', 'added'],
    ]);
  });

  it('is not what one before it changed or added', () => {
    const before = add(replace(came, 'clusters', 0, named('clusters', 'a')), 'd');
    const after = add(replace(before, 'clusters', 1, named('clusters', 'b')), 'e');
    expect(changedIn(before, after)).toEqual([
      ['clusters', 1, 1, 'b', 'replaced'],
      ['clusters', 4, 5, 'e', 'added'],
    ]);
    expect(changedIn(before, replace(before, 'clusters', 3, named('clusters', 'd')))).toEqual([
      ['clusters', 3, 4, 'd', 'replaced'],
    ]);
  });

  it('is called by its place in the snapshot when its name cannot be read', () => {
    const odd = Uint8Array.of(0x0a, 9);
    const after = replace(replace(came, 'clusters', 2, odd), 'clusters', 2, Uint8Array.of());
    expect(changedIn(replace(came, 'clusters', 2, odd), after)).toEqual([
      ['clusters', 2, 3, 'clusters at 3', 'replaced'],
    ]);
  });
});
