import { fields } from './fields.ts';
import { readAnnotatedObject, readGatewayObject } from './gateway-metadata.ts';
import { MalformedMessageError } from './malformed.ts';
import type { Snapshot } from './snapshot.ts';
import { forEachField, stringOf } from './wire.ts';

/** A Gateway of the Gateway API. */
export interface GatewayName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The Gateways whose routes are in a snapshot, by the metadata of its virtual hosts: nothing else in
 * a request names them. What cannot be read is passed over. At most `limit` of them.
 */
export function gatewaysOf(snapshot: Snapshot, limit = Number.POSITIVE_INFINITY): GatewayName[] {
  const found = new Map<string, GatewayName>();
  forEachVirtualHost(snapshot, (virtualHost) => {
    if (found.size >= limit) return;
    const object = readGatewayObject(virtualHost, fields.VirtualHost.metadata);
    if (object === undefined || object.name === '') return;
    const { namespace, name } = object;
    found.set(`${namespace}/${name}`, { namespace, name });
  });
  return [...found.values()];
}

/**
 * The same Gateways by key, `<namespace>/<name>`, each with its annotation
 * `gateway.envoyproxy.io/<annotation>`, if it had it when it was translated.
 */
export function gatewayAnnotationsOf(
  snapshot: Snapshot,
  annotation: string,
): ReadonlyMap<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  forEachVirtualHost(snapshot, (virtualHost) => {
    const object = readAnnotatedObject(virtualHost, fields.VirtualHost.metadata, annotation);
    if (object === undefined || object.name === '') return;
    found.set(`${object.namespace}/${object.name}`, object.annotation);
  });
  return found;
}

/** The keys of the Gateways that a snapshot's virtual hosts belong to, by `virtualHostKey`. */
export function gatewaysOfVirtualHosts(snapshot: Snapshot): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  forEachVirtualHost(snapshot, (virtualHost, routeConfiguration) => {
    const object = readGatewayObject(virtualHost, fields.VirtualHost.metadata);
    if (object === undefined || object.name === '') return;
    const resource = stringOf(routeConfiguration, fields.RouteConfiguration.name);
    const key = virtualHostKey(resource, stringOf(virtualHost, fields.VirtualHost.name));
    found.set(key, `${object.namespace}/${object.name}`);
  });
  return found;
}

/** Names a virtual host among those of a snapshot: each route configuration has its own. */
export function virtualHostKey(routeConfiguration: string, virtualHost: string): string {
  return `${routeConfiguration}\n${virtualHost}`;
}

function forEachVirtualHost(
  snapshot: Snapshot,
  look: (virtualHost: Uint8Array, routeConfiguration: Uint8Array) => void,
): void {
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    try {
      forEachField(value, fields.RouteConfiguration.virtual_hosts, (one) => look(one, value));
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
}
