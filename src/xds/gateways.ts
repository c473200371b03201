import { FieldReader, releaseSpareReaders } from './field-reader.ts';
import { fields } from './fields.ts';
import { readAnnotatedObject, readGatewayObject } from './gateway-metadata.ts';
import { MalformedMessageError } from './malformed.ts';
import { ObjectScanner } from './object-scan.ts';
import type { Snapshot } from './snapshot.ts';
import { textAt } from './span.ts';
import { forEachField, nextOccurrence, stringOf } from './wire.ts';
import { wordsOf } from './words.ts';

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
  for (const value of snapshot.resources.lists.routes) {
    if (found.size >= limit) break;
    try {
      addGateways(value, found, limit);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    } finally {
      releaseSpareReaders();
    }
  }
  return [...found.values()];
}

const scanned = new ObjectScanner();

function addGateways(
  routeConfiguration: Uint8Array,
  found: Map<string, GatewayName>,
  limit: number,
): void {
  const hosts = new FieldReader(routeConfiguration);
  const words = wordsOf(routeConfiguration);
  while (found.size < limit && nextOccurrence(hosts, fields.RouteConfiguration.virtual_hosts)) {
    let hasObject = false;
    const host = hosts.inside();
    while (nextOccurrence(host, fields.VirtualHost.metadata)) {
      hasObject = scanned.scan(host, fields.VirtualHost.metadata, words);
    }
    const { spans } = scanned;
    if (!hasObject || spans.name.isEmpty) continue;
    const name = textAt(routeConfiguration, spans.name);
    const namespace = textAt(routeConfiguration, spans.namespace);
    found.set(`${namespace}/${name}`, { namespace, name });
  }
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
  for (const value of snapshot.resources.lists.routes) {
    try {
      forEachField(value, fields.RouteConfiguration.virtual_hosts, (one) => look(one, value));
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
}
