import { fields } from './fields.ts';
import { readGatewayObject } from './gateway-metadata.ts';
import { MalformedMessageError } from './malformed.ts';
import type { Snapshot } from './snapshot.ts';
import { forEachField } from './wire.ts';

/** A Gateway of the Gateway API. */
export interface GatewayName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The Gateways whose routes are in a snapshot, by the metadata of its virtual hosts: nothing else in
 * a request names them. What cannot be read is passed over.
 */
export function gatewaysOf(snapshot: Snapshot): GatewayName[] {
  const found = new Map<string, GatewayName>();
  for (const { kind, value } of snapshot.resources) {
    if (kind === 'routes') readGateways(value, found);
  }
  return [...found.values()];
}

function readGateways(routeConfiguration: Uint8Array, found: Map<string, GatewayName>): void {
  try {
    forEachField(routeConfiguration, fields.RouteConfiguration.virtual_hosts, (virtualHost) => {
      const object = readGatewayObject(virtualHost, fields.VirtualHost.metadata);
      if (object === undefined || object.name === '') return;
      const { namespace, name } = object;
      found.set(`${namespace}/${name}`, { namespace, name });
    });
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
  }
}
