import type { BackwardWriter } from '../../xds/backward-writer.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import type { RouteConfigurationContext } from './context.ts';
import { type HostEdit, PiecedHost } from './host-edit.ts';
import { rewriteUsualHost } from './rewrite-usual-host.ts';
import { rewriteVirtualHost } from './rewrite-virtual-host.ts';
import type { SurveyedConfiguration, SurveyedHost } from './surveyed-routes.ts';

const { virtual_hosts } = fields.RouteConfiguration;

/** The virtual hosts of a route configuration, walked one after the other. */
export interface OpenHosts {
  readonly routeConfiguration: Uint8Array;
  readonly surveyed: SurveyedConfiguration;
  readonly context: RouteConfigurationContext;
  readonly writer: BackwardWriter;
  /** Whether one’s CONNECT answer needs the connection managers to let CONNECT through. */
  needsConnect: boolean;
}

/** A virtual host that changes, where its field is, and the one before it that changes. */
interface EditedHost {
  readonly start: number;
  readonly end: number;
  readonly edit: HostEdit;
  readonly before: EditedHost | undefined;
}

/**
 * Rewrites those virtual hosts of a route configuration that may change; the same one comes back when none
 * does. All is decided first, then written from the end. Throws MalformedMessageError.
 */
export function rewriteHosts(hosts: OpenHosts): Uint8Array {
  const { routeConfiguration, writer } = hosts;
  const last = decideHosts(hosts);
  if (last === undefined) return routeConfiguration;
  const { length } = routeConfiguration;
  writer.begin(length + length / 2);
  let behind = length;
  for (let host: EditedHost | undefined = last; host !== undefined; host = host.before) {
    writer.part(routeConfiguration, host.end, behind);
    const behindHost = writer.length;
    host.edit.writeTo(writer);
    writer.wrap(virtual_hosts, behindHost);
    behind = host.start;
  }
  writer.part(routeConfiguration, 0, behind);
  return writer.finish();
}

/** The last virtual host that changes. */
function decideHosts(hosts: OpenHosts): EditedHost | undefined {
  const { routeConfiguration, surveyed, context } = hosts;
  let last: EditedHost | undefined;
  const reader = new FieldReader(routeConfiguration);
  let next = 0;
  for (let place = 0; reader.next(); ) {
    if (reader.number !== virtual_hosts.number) continue;
    context.budget?.spend(reader.end - reader.valueStart);
    const host = surveyed[next];
    if (host?.place === place) {
      next++;
      const edit = decideHost(reader, host, hosts);
      if (edit !== undefined) {
        last = { start: reader.start, end: reader.end, edit, before: last };
      }
    }
    place++;
  }
  return last;
}

/** What becomes of the virtual host at which a reader stands; undefined when it stays as it is. */
function decideHost(
  reader: FieldReader,
  { place, routes }: SurveyedHost,
  hosts: OpenHosts,
): HostEdit | undefined {
  try {
    const edit = rewriteUsualHost(reader, routes, hosts);
    if (edit !== undefined) return edit;
    const { pieces, needsConnect } = rewriteVirtualHost(reader.value(), routes, hosts.context);
    hosts.needsConnect ||= needsConnect;
    return pieces && new PiecedHost(pieces);
  } catch (error) {
    throw seenFromOutside(error, `virtual_hosts[${place}]`, reader.valueStart);
  }
}
