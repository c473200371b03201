import { encodeFieldHead } from '../../xds/encoding.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { ForwardWriter } from '../../xds/forward-writer.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import type { RouteConfigurationContext } from './context.ts';
import { rewriteUsualHost } from './rewrite-usual-host.ts';
import { rewriteVirtualHost } from './rewrite-virtual-host.ts';
import type { SurveyedConfiguration, SurveyedHost } from './survey.ts';

const { virtual_hosts } = fields.RouteConfiguration;

/** The virtual hosts of a route configuration, walked one after the other. */
export interface OpenHosts {
  readonly routeConfiguration: Uint8Array;
  readonly surveyed: SurveyedConfiguration;
  readonly context: RouteConfigurationContext;
  /** Whether one’s CONNECT answer needs the connection managers to let CONNECT through. */
  needsConnect: boolean;
}

/** Writes one route configuration after the other, and keeps none. */
const writer = new ForwardWriter();

/**
 * Rewrites those virtual hosts of a route configuration that may change; the same one comes back when none
 * does. Throws MalformedMessageError.
 */
export function rewriteHosts(hosts: OpenHosts): Uint8Array {
  const { routeConfiguration } = hosts;
  const { length } = routeConfiguration;
  writer.begin(length + length / 2);
  try {
    const copied = writeHosts(hosts);
    if (copied === 0) return routeConfiguration;
    writer.part(routeConfiguration, copied, length);
    return writer.finish();
  } finally {
    writer.letGo();
  }
}

/** Writes all up to the end of the last virtual host that changes. Answers where that is; 0 without one. */
function writeHosts(hosts: OpenHosts): number {
  const { routeConfiguration, surveyed, context } = hosts;
  const reader = new FieldReader(routeConfiguration);
  let copied = 0;
  let next = 0;
  for (let place = 0; reader.next(); ) {
    if (reader.number !== virtual_hosts.number) continue;
    context.budget?.spend(reader.end - reader.valueStart);
    const host = surveyed[next];
    if (host?.place === place) {
      next++;
      if (writeHost(reader, host, hosts, copied)) copied = reader.end;
    }
    place++;
  }
  return copied;
}

/** Writes the virtual host at which a reader stands, and what is not written in front of it, if it changes. */
function writeHost(
  reader: FieldReader,
  { place, routes }: SurveyedHost,
  hosts: OpenHosts,
  copied: number,
): boolean {
  try {
    const field = rewriteUsualHost(reader, routes, hosts);
    if (field !== undefined) {
      writer.part(reader.message, copied, reader.start);
      field.moveTo(writer);
      return true;
    }
    const { pieces, needsConnect } = rewriteVirtualHost(reader.value(), routes, hosts.context);
    hosts.needsConnect ||= needsConnect;
    if (pieces === undefined) return false;
    writer.part(reader.message, copied, reader.start);
    writePieces(pieces);
    return true;
  } catch (error) {
    throw seenFromOutside(error, `virtual_hosts[${place}]`, reader.valueStart);
  }
}

function writePieces(pieces: readonly Uint8Array[]): void {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  writer.bytes(encodeFieldHead(virtual_hosts, length));
  for (const piece of pieces) writer.bytes(piece);
}
