import type { FieldRef } from '../../xds/field-ref.ts';
import { fields } from '../../xds/fields.ts';
import { forEachField, stringOf } from '../../xds/wire.ts';

/** Entries of `typed_per_filter_config`, encoded, by the name of their filter; the last one counts. */
export type FilterConfigs = ReadonlyMap<string, Uint8Array>;

/** The filter configurations of a route, a virtual host or a route configuration. */
export function filterConfigsOf(message: Uint8Array, field: FieldRef): FilterConfigs {
  const configs = new Map<string, Uint8Array>();
  forEachField(message, field, (entry) => {
    configs.set(stringOf(entry, fields.MapEntry.key), entry);
  });
  return configs;
}

/** Whether two say the same of the same filters. */
export function areEqualConfigs(one: FilterConfigs, other: FilterConfigs): boolean {
  return (
    one.size === other.size && [...one].every(([name, entry]) => isEqual(entry, other.get(name)))
  );
}

/** Whether there are two values, and they are the same bytes. */
export function isEqual(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}
