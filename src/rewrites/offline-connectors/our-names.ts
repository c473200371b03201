import { fields } from '../../xds/fields.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { notAscii } from '../../xds/name-hash.ts';
import { asOurs, sanitizeName, sanitizeVirtualHostNames } from '../../xds/names.ts';
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
  for (const value of snapshot.resources.lists.routes) {
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
  const found = new NamedHosts(columns);
  const { routes } = snapshot.resources.lists;
  for (let place = 0; place < routes.length; place++) {
    const value = routes.valueAt(place);
    snapshot.budget?.spend(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) return true;
    for (let host = scan.firstHost; host < scan.hostsEnd; host++) {
      if (!found.add(host)) return true;
    }
  }
  return false;
}

/** Virtual hosts by what their names are among ours, in a table with room for all that were scanned. */
class NamedHosts {
  readonly #columns: RouteColumns;
  /** By the last bits of the hash, or behind that: the number of a virtual host, from 1. */
  readonly #hosts: Int32Array;
  /** Of the same: the hash. */
  readonly #hashes: Int32Array;

  constructor(columns: RouteColumns) {
    this.#columns = columns;
    const size = 2 ** Math.ceil(Math.log2(2 * columns.configurations.length + mostOfOnePlace));
    this.#hosts = new Int32Array(size);
    this.#hashes = new Int32Array(size);
  }

  /** Adds a virtual host; false where its name may be another one’s among ours. */
  add(host: number): boolean {
    const hash = hashOfOurs(this.#columns, host);
    const hosts = this.#hosts;
    if (hash === notAscii) return false;
    for (let step = 0; step < mostOfOnePlace; step++) {
      const at = (hash + step) & (hosts.length - 1);
      const other = (hosts[at] ?? 0) - 1;
      if (other === -1) {
        hosts[at] = host + 1;
        this.#hashes[at] = hash;
        return true;
      }
      if (this.#hashes[at] === hash) return haveOneName(this.#columns, other, host);
    }
    return false; // names can be chosen so that all of them want one place
  }
}

const mostOfOnePlace = 64;

/** The hash of what a virtual host’s name is among ours: equal for names that meet. */
function hashOfOurs({ configurations, hostNameStarts, hostNameEnds }: RouteColumns, host: number) {
  const bytes = configurations[host] ?? nothing;
  const to = hostNameEnds.at(host);
  let hash = 0;
  let all = 0;
  for (let at = hostNameStarts.at(host); at < to; at++) {
    const byte = bytes[at] ?? 0;
    all |= byte;
    hash = (Math.imul(hash, prime) + (asOurs[byte] ?? 0)) | 0;
  }
  return all < 0x80 ? hash : notAscii;
}

const prime = 0x01000193;
const nothing = new Uint8Array();

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
