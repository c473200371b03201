import { clusterFields } from './cluster-fields.ts';
import { fieldsOf } from './field-ref.ts';
import { hookFields } from './hook-fields.ts';
import { listenerFields } from './listener-fields.ts';
import { routeFields } from './route-fields.ts';

/**
 * Every field number Offramp reads or writes on the wire.
 * A test compares each with the official protos, so a number cannot be wrong quietly.
 */
export const fields = {
  ...hookFields,
  ...routeFields,
  ...clusterFields,
  ...listenerFields,
  Metadata: fieldsOf('envoy.config.core.v3.Metadata', {
    filter_metadata: 1,
  }),
  Any: fieldsOf('google.protobuf.Any', { type_url: 1, value: 2 }),
  BoolValue: fieldsOf('google.protobuf.BoolValue', { value: 1 }),
  UInt32Value: fieldsOf('google.protobuf.UInt32Value', { value: 1 }),
  UInt64Value: fieldsOf('google.protobuf.UInt64Value', { value: 1 }),
  Struct: fieldsOf('google.protobuf.Struct', { fields: 1 }),
  Value: fieldsOf('google.protobuf.Value', {
    string_value: 3,
    struct_value: 5,
    list_value: 6,
  }),
  ListValue: fieldsOf('google.protobuf.ListValue', { values: 1 }),
  /** The key and value of every map entry; the encoding's specification fixes these two. */
  MapEntry: fieldsOf('', { key: 1, value: 2 }),
} as const;
