import { fields } from '../../xds/fields.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { sanitizeName, sanitizeVirtualHostNames } from '../../xds/names.ts';
import type { RouteColumns } from '../../xds/route-columns.ts';
import { type RouteScan, scanRoutes } from '../../xds/route-scan.ts';
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
  return (name) => names.get(name) ?? name;
}

function readNames(snapshot: Snapshot): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.checkpoint?.(value.length);
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
  const scans: RouteScan[] = [];
  let hosts = 0;
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.checkpoint?.(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) return true;
    scans.push(scan);
    hosts += scan.hostsEnd - scan.firstHost;
  }
  const found = new FoundNames(columns, hosts);
  for (const { firstHost, hostsEnd } of scans) {
    for (let host = firstHost; host < hostsEnd; host++) if (found.meets(host)) return true;
  }
  return false;
}

/** The virtual hosts that were looked at, by what stays of their names. */
class FoundNames {
  readonly #columns: RouteColumns;
  /** Pairs of a hash and a virtual host, from 1; 0 where there is none. Half of it stays empty. */
  readonly #table: Int32Array;

  constructor(columns: RouteColumns, hosts: number) {
    this.#columns = columns;
    this.#table = new Int32Array(4 * 2 ** Math.ceil(Math.log2(hosts + 1)));
  }

  /** Adds a virtual host; answers whether another’s name may meet its own. */
  meets(host: number): boolean {
    const table = this.#table;
    const hash = hashOfKept(this.#columns, host);
    const mask = table.length - 2;
    for (let at = (hash * 2) & mask; ; at = (at + 2) & mask) {
      const other = table[at + 1] ?? 0;
      if (other === 0) {
        table[at] = hash;
        table[at + 1] = host + 1;
        return false;
      }
      if (table[at] === hash) return !haveOneName(this.#columns, other - 1, host);
    }
  }
}

const nothing = new Uint8Array();

/** Of the characters of a virtual host’s name that stay as they are: equal for names that meet. */
function hashOfKept({ configurations, hostNameStarts, hostNameEnds }: RouteColumns, host: number) {
  const bytes = configurations[host] ?? nothing;
  const to = hostNameEnds.at(host);
  let hash = 0;
  for (let at = hostNameStarts.at(host); at < to; at++) {
    const byte = bytes[at] ?? 0;
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
