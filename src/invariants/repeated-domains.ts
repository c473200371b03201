import { FieldReader, spareReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { decodeString } from '../xds/text.ts';
import { nextOccurrence, valuesOf } from '../xds/wire.ts';
import { repeated, type Violation } from './violation.ts';

const { RouteConfiguration, VirtualHost } = fields;

/**
 * The domains that a route configuration has twice: Envoy compares them without regard to case. Whoever asks
 * lets go of spare readers.
 */
export function findRepeatedDomains(routeConfiguration: Uint8Array): readonly Violation[] {
  try {
    if (differAtAGlance(routeConfiguration) || areDifferent(routeConfiguration)) return [];
    return repeated(domainsOf(routeConfiguration)).map((domain) => ({
      reason: 'invariant-domains',
      detail: `the domain ${domain} is there twice`,
    }));
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return [{ reason: 'invariant-unreadable', detail: error.message }];
  }
}

function domainsOf(routeConfiguration: Uint8Array): readonly string[] {
  return valuesOf(routeConfiguration, RouteConfiguration.virtual_hosts).flatMap((host) =>
    valuesOf(host, VirtualHost.domains).map((domain) => decodeString(domain).toLowerCase()),
  );
}

/** Whether hashes of the domains differ, in which nothing but case is left out: nearly always. */
function differAtAGlance(routeConfiguration: Uint8Array): boolean {
  const seen = new Set<number>();
  let count = 0;
  const hosts = readers.hosts.over(routeConfiguration, 0, routeConfiguration.length);
  while (nextOccurrence(hosts, RouteConfiguration.virtual_hosts)) {
    const host = readers.host.over(routeConfiguration, hosts.valueStart, hosts.end);
    while (nextOccurrence(host, VirtualHost.domains)) {
      seen.add(hashWithoutCase(host));
      count++;
    }
  }
  return seen.size === count;
}

const readers = { hosts: spareReader(), host: spareReader() };

const caseBit = 0x20;

/** Of the value at which a reader stands; equal for whatever `areDifferent` finds equal. */
function hashWithoutCase({ message, valueStart, end }: FieldReader): number {
  let hash = 0;
  for (let at = valueStart; at < end; at++) {
    hash = Math.imul(hash ^ ((message[at] ?? 0) | caseBit), 0x01000193);
  }
  return hash;
}

/** Whether domains differ even when every byte is taken for a letter. */
function areDifferent(routeConfiguration: Uint8Array): boolean {
  const { buffer, byteOffset, length } = routeConfiguration;
  const bytes = Buffer.from(buffer, byteOffset, length);
  const seen = new Set<string>();
  let count = 0;
  const hosts = new FieldReader(routeConfiguration);
  while (nextOccurrence(hosts, RouteConfiguration.virtual_hosts)) {
    const domains = hosts.inside();
    while (nextOccurrence(domains, VirtualHost.domains)) {
      seen.add(bytes.toString('latin1', domains.valueStart, domains.end).toLowerCase());
      count++;
    }
  }
  return seen.size === count;
}
