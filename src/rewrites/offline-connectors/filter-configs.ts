import { fields } from '../../xds/fields.ts';
import { collectFields, encodeField, lastValueOf, stringOf } from '../../xds/wire.ts';

const { Route, MapEntry, Any } = fields;

/** The buffer filter waits for the end of a request; a CONNECT has none before its tunnel closes. */
const bufferConfig = /\/envoy\.extensions\.filters\.http\.buffer\.v3\.BufferPerRoute$/;

/**
 * What these routes configure for HTTP filters, as whole `Route.typed_per_filter_config` fields for a
 * CONNECT route: of each filter the entry of the first route that has one. Envoy Gateway switches
 * authentication and authorisation on by these entries, so a route without them lets everybody in.
 */
export function connectFilterConfigs(routes: readonly Uint8Array[]): Uint8Array[] {
  const merged = new Map<string, Uint8Array>();
  for (const route of routes) {
    for (const [filter, entry] of filterConfigsOf(route)) {
      if (!merged.has(filter) && !isBufferConfig(entry)) merged.set(filter, entry);
    }
  }
  return [...merged.values()].map((entry) => encodeField(Route.typed_per_filter_config, entry));
}

/** The entries by filter; of two for the same filter the last one, which is what decoders keep. */
function filterConfigsOf(route: Uint8Array): Map<string, Uint8Array> {
  const entries = collectFields(
    route,
    Route.typed_per_filter_config,
    (entry) => [stringOf(entry, MapEntry.key), entry] as const,
  );
  return new Map(entries);
}

function isBufferConfig(entry: Uint8Array): boolean {
  const config = lastValueOf(entry, MapEntry.value);
  return config !== undefined && bufferConfig.test(stringOf(config, Any.type_url));
}
