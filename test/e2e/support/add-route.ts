import protobuf from 'protobufjs';
import { z } from 'zod';
import { decodeXds, encodeXds } from '../../support/xds.ts';
import { retagAsResponse } from './retag-envelope.ts';

const TYPE = 'envoy.config.route.v3.RouteConfiguration';

/** `PostTranslateModifyResponse.routes`, length-delimited. */
const ROUTES_TAG = (4 << 3) | 2;

const routeConfigurationSchema = z.looseObject({
  virtual_hosts: z.array(z.looseObject({ name: z.string(), routes: z.array(z.looseObject({})) })),
});

/** The response of an extension server that adds a route at the end of one virtual host. */
export function addRoute(request: Buffer, virtualHost: string, route: object): Buffer {
  const reader = protobuf.Reader.create(retagAsResponse(request));
  const writer = protobuf.Writer.create();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const resource = reader.bytes();
    writer.uint32(tag).bytes(tag === ROUTES_TAG ? extend(resource) : resource);
  }
  return Buffer.from(writer.finish());

  function extend(resource: Uint8Array): Uint8Array {
    const configuration = routeConfigurationSchema.parse(decodeXds(TYPE, resource));
    for (const { name, routes } of configuration.virtual_hosts) {
      if (name === virtualHost) routes.push({ ...route });
    }
    return encodeXds(TYPE, configuration);
  }
}
