import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { loadEnvoyProtos } from '../../src/protos/envoy-protos.ts';
import { protoFolder } from '../../src/server/proto-folder.ts';
import type { FieldRef } from '../../src/xds/field-ref.ts';
import { fields } from '../../src/xds/fields.ts';

const official = loadEnvoyProtos();
const hook = new protobuf.Root();
hook.resolvePath = (_origin, target) => join(protoFolder(), target);
hook.loadSync('envoygateway/extension/service.proto', { keepCase: true });

/** Fields that Offramp reads as numbers; every other is length-delimited. */
const varints = new Set([
  'google.protobuf.BoolValue.value',
  'google.protobuf.UInt32Value.value',
  'google.protobuf.UInt64Value.value',
  'envoy.config.route.v3.RouteAction.append_x_forwarded_host',
  'envoy.config.route.v3.DirectResponseAction.status',
  'envoy.config.route.v3.FilterConfig.disabled',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute.disabled',
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig.disabled',
]);

const { MapEntry, ...named } = fields;
const all: FieldRef[] = Object.values(named).flatMap((message) => Object.values(message));

describe('each field number that Offramp uses on the wire', () => {
  it.each(all)('$message.$name is $number, as the protos have it', ({ message, name, number }) => {
    const root = message.startsWith('envoygateway.') ? hook : official;
    const field = fieldOf(root.lookupType(message), name);
    expect(field.id).toBe(number);
    const isVarint = field.resolvedType === null && !['string', 'bytes'].includes(field.type);
    expect(isVarint).toBe(varints.has(`${message}.${name}`));
  });

  it('of a map entry is 1 and 2, as the encoding has it', () => {
    expect(MapEntry.key.number).toBe(1);
    expect(MapEntry.value.number).toBe(2);
  });
});

/** The well-known types of protobufjs have their fields in camel case. */
function fieldOf(type: protobuf.Type, name: string): protobuf.Field {
  const camelCase = name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  const field = type.fields[name] ?? type.fields[camelCase];
  if (field === undefined) throw new Error(`${type.fullName} has no field ${name}`);
  return field.resolve();
}
