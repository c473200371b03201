import { fields } from '../../src/xds/fields.ts';
import { type ResourceKind, readSnapshot } from '../../src/xds/snapshot.ts';
import { valuesOf } from '../../src/xds/wire.ts';

const { RouteConfiguration, VirtualHost } = fields;

/** How many parts of a snapshot there are, and how many of them the one before had with the same bytes. */
export interface EqualShare {
  readonly parts: number;
  readonly equal: number;
}

/** By what could be remembered: each kind of resource, virtual hosts, routes. */
export function countEqualParts(
  before: Uint8Array,
  after: Uint8Array,
): ReadonlyMap<string, EqualShare> {
  const [old, now] = [partsOf(before), partsOf(after)];
  return new Map(
    [...now].map(([what, parts]): [string, EqualShare] => {
      const known = new Set(old.get(what)?.map(contentOf));
      const equal = parts.filter((part) => known.has(contentOf(part))).length;
      return [what, { parts: parts.length, equal }];
    }),
  );
}

function partsOf(request: Uint8Array): ReadonlyMap<string, readonly Uint8Array[]> {
  const { lists } = readSnapshot(request).resources;
  const ofKind = (kind: ResourceKind) => [...lists[kind]];
  const routeConfigurations = ofKind('routes');
  const virtualHosts = routeConfigurations.flatMap((one) =>
    valuesOf(one, RouteConfiguration.virtual_hosts),
  );
  return new Map([
    ['clusters', ofKind('clusters')],
    ['listeners', ofKind('listeners')],
    ['route configurations', routeConfigurations],
    ['virtual hosts', virtualHosts],
    ['routes', virtualHosts.flatMap((host) => valuesOf(host, VirtualHost.routes))],
  ]);
}

function contentOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
