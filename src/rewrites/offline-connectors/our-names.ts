import { fields } from '../../xds/fields.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { sanitizeName, sanitizeVirtualHostNames } from '../../xds/names.ts';
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

/** A name in the bytes that it was found in. */
interface FoundName {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

function mayNamesMeet(snapshot: Snapshot): boolean {
  const found = new Map<number, FoundName>();
  for (const { kind, value: bytes } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.checkpoint?.(bytes.length);
    const scan = scanRoutes(snapshot, bytes);
    if (scan === undefined) return true;
    const { hostNames } = scan;
    for (let at = 0; at < hostNames.length; at += 2) {
      const name = { bytes, from: hostNames[at] ?? 0, to: hostNames[at + 1] ?? 0 };
      const key = hashOfKept(name);
      const other = found.get(key);
      if (other === undefined) found.set(key, name);
      else if (!isEqual(other, name)) return true;
    }
  }
  return false;
}

/** Of the characters that stay as they are: equal for names that meet. */
function hashOfKept({ bytes, from, to }: FoundName): number {
  let hash = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (isKept[byte] === 1) hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash;
}

/** By their codes; `-`, which others become, is none of them. */
const isKept = Uint8Array.from({ length: 256 }, (_, code) =>
  /[a-z0-9.]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function isEqual(one: FoundName, other: FoundName): boolean {
  const length = one.to - one.from;
  if (other.to - other.from !== length) return false;
  for (let at = 0; at < length; at++) {
    if (one.bytes[one.from + at] !== other.bytes[other.from + at]) return false;
  }
  return true;
}
