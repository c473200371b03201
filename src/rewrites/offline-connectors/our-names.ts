import { fields } from '../../xds/fields.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { sanitizeName, sanitizeVirtualHostNames } from '../../xds/names.ts';
import type { RouteColumns } from '../../xds/route-columns.ts';
import { scanRoutes } from '../../xds/route-scan.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import { forEachField, stringOf } from '../../xds/wire.ts';

const { RouteConfiguration, VirtualHost } = fields;

/**
 * The name that a virtual host has in route names and domains of ours. Where it depends on the other
 * virtual hosts of the snapshot, because names would meet, all of them are read; nearly always it does
 * not, which their bytes tell.
 */
export function nameVirtualHosts(snapshot: Snapshot): (virtualHost: string) => string {
  if (!mayNamesMeet(snapshot)) return sanitizeName;
  const names = sanitizeVirtualHostNames(readNames(snapshot));
  return (name) => names.get(name) ?? sanitizeName(name);
}

function readNames(snapshot: Snapshot): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.budget?.spend(value.length);
    try {
      forEachField(value, RouteConfiguration.virtual_hosts, (virtualHost) => {
        names.add(stringOf(virtualHost, VirtualHost.name));
      });
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
  return names;
}

function mayNamesMeet(snapshot: Snapshot): boolean {
  const columns = snapshot.known.routes;
  const found = new Map<number, number>();
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.budget?.spend(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) return true;
    for (let host = scan.firstHost; host < scan.hostsEnd; host++) {
      const key = hashOfKept(columns, host);
      const other = found.get(key);
      if (other === undefined) found.set(key, host);
      else if (!haveOneName(columns, other, host)) return true;
    }
  }
  return false;
}

/** Of the characters of a virtual host’s name that stay as they are: equal for names that meet. */
function hashOfKept({ configurations, hostNameStarts, hostNameEnds }: RouteColumns, host: number) {
  const bytes = configurations[host];
  const to = hostNameEnds.at(host);
  let hash = 0;
  for (let at = hostNameStarts.at(host); at < to; at++) {
    const byte = bytes?.[at] ?? 0;
    if (isKept[byte] === 1) hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash;
}

/** By their codes; `-`, which others become, is none of them. */
const isKept = Uint8Array.from({ length: 256 }, (_, code) =>
  /[a-z0-9.]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function haveOneName(columns: RouteColumns, one: number, other: number): boolean {
  const { configurations, hostNameStarts, hostNameEnds } = columns;
  const oneStart = hostNameStarts.at(one);
  const otherStart = hostNameStarts.at(other);
  const length = hostNameEnds.at(one) - oneStart;
  if (hostNameEnds.at(other) - otherStart !== length) return false;
  for (let at = 0; at < length; at++) {
    if (configurations[one]?.[oneStart + at] !== configurations[other]?.[otherStart + at]) {
      return false;
    }
  }
  return true;
}
