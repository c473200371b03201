import { appendFields } from '../../xds/append-fields.ts';
import { encodeField } from '../../xds/encoding.ts';
import type { FieldRef } from '../../xds/field-ref.ts';
import { fields } from '../../xds/fields.ts';
import { editFields, hasField, mapFields, stringOf } from '../../xds/wire.ts';

/** A message without the filters of these names in one of its lists. */
export function withoutNamed(
  message: Uint8Array,
  list: FieldRef,
  names: ReadonlySet<string>,
): Uint8Array {
  return mapFields(message, list, (filter) =>
    names.has(stringOf(filter, fields.HttpFilter.name)) ? undefined : filter,
  );
}

/** These values in front of a list of a message. */
export function insertFirst(
  message: Uint8Array,
  list: FieldRef,
  values: readonly Uint8Array[],
): Uint8Array {
  const added = values.map((value) => encodeField(list, value));
  if (!hasField(message, list)) return appendFields(message, added);
  let isFirst = true;
  return editFields(message, (field) => {
    if (field.number !== list.number || !isFirst) return 'keep';
    isFirst = false;
    return [...added, field.raw()];
  });
}
