import protobuf from 'protobufjs';
import { loadEnvoyProtos } from '../../src/protos/envoy-protos.ts';

const root = loadEnvoyProtos();
const lists = new Map([
  [2, 'envoy.config.cluster.v3.Cluster'],
  [3, 'envoy.extensions.transport_sockets.tls.v3.Secret'],
  [4, 'envoy.config.listener.v3.Listener'],
  [5, 'envoy.config.route.v3.RouteConfiguration'],
]);

/** Fields that no Envoy message has: a varint and a string, with high numbers. */
const unknown = Buffer.from(
  protobuf.Writer.create()
    .uint32((70_001 << 3) | 0)
    .uint32(300)
    .uint32((70_002 << 3) | 2)
    .string('from a newer version')
    .finish(),
);

/**
 * A PostTranslateModifyRequest with unknown fields injected into each resource and, by the official
 * protos, into each message inside it, opened Anys included. Nothing else changes.
 */
export function injectUnknownFields(request: Uint8Array): Uint8Array {
  return injectFields(request, (number) => {
    const type = lists.get(number);
    return type === undefined ? undefined : root.lookupType(type);
  });
}

function injectInto(type: protobuf.Type, message: Uint8Array): Uint8Array {
  if (type.fullName === '.google.protobuf.Any') return injectIntoAny(message);
  const byNumber = new Map(type.fieldsArray.map((field) => [field.id, field.resolve()]));
  const injected = injectFields(message, (number) => {
    const field = byNumber.get(number);
    const inner = field?.resolvedType;
    // A map's entries are left as they are: not every decoder takes unknown fields there.
    return inner instanceof protobuf.Type && !field?.map ? inner : undefined;
  });
  return Buffer.concat([unknown, injected, unknown]);
}

function injectIntoAny(message: Uint8Array): Uint8Array {
  const { type_url: url } = root.lookupType('google.protobuf.Any').decode(message).toJSON();
  const type = root.lookup(String(url).slice(String(url).lastIndexOf('/') + 1));
  return injectFields(message, (number) =>
    number === 2 && type instanceof protobuf.Type ? type : undefined,
  );
}

function injectFields(
  message: Uint8Array,
  typeOf: (number: number) => protobuf.Type | undefined,
): Uint8Array {
  const reader = protobuf.Reader.create(message);
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const type = (tag & 7) === 2 ? typeOf(tag >>> 3) : undefined;
    if (type === undefined) {
      reader.skipType(tag & 7);
      parts.push(message.subarray(start, reader.pos));
    } else {
      const value = injectInto(type, reader.bytes());
      parts.push(protobuf.Writer.create().uint32(tag).bytes(value).finish());
    }
  }
  return Buffer.concat(parts);
}
