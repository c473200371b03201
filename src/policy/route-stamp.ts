import * as z from 'zod';
import { encodeMessage } from '../xds/build.ts';
import { concatenate, encodeField, encodeString } from '../xds/encoding.ts';
import { fields } from '../xds/fields.ts';
import { readFilterMetadata, structValue } from '../xds/gateway-metadata.ts';
import { decodeString } from '../xds/text.ts';
import { editFields, lastValueOf, stringOf } from '../xds/wire.ts';
import type { DecidedFallback } from './decide-fallback.ts';
import { fallbackSpecSchema } from './fallback-policy.ts';
import { type Decided, policyLevels } from './nearest-policy.ts';
import { emptyBackendsModes, policyGroup } from './offramp-policy.ts';

const { Route, Metadata, MapEntry } = fields;

/** What a route's stamp says: which policy decides for it, and what was not followed. */
export interface RouteStamp extends Partial<Decided> {
  /** What the route's policies decide about its fallback. */
  readonly fallback?: DecidedFallback | undefined;
  /** Parts of the route's policies that could not be understood. */
  readonly problems: readonly string[];
}

const fallbackSchema = z.object({
  spec: fallbackSpecSchema,
  policies: z.array(z.string()),
  overruled: z.array(z.object({ policy: z.string(), by: z.string() })),
});

const stampSchema = z.object({
  policy: z.string().optional(),
  mode: z.enum(emptyBackendsModes).optional(),
  level: z.enum(['rule', 'route']).optional(),
  overruled: z.array(z.string()).default([]),
  outranked: z.array(z.object({ policy: z.string(), level: z.enum(policyLevels) })).default([]),
  problems: z.array(z.string()).default([]),
  fallback: fallbackSchema.optional(),
});

/** The key of the stamp's only field: JSON, so that a config dump shows it in one line. */
const stampKey = 'policy';

/** Writes a stamp into `filter_metadata["offramp.dev"]` of a Route, in place of one that is there. */
export function stampRoute(route: Uint8Array, stamp: RouteStamp): Uint8Array {
  const struct = encodeMessage('google.protobuf.Struct', {
    fields: { [stampKey]: { stringValue: JSON.stringify(stamp) } },
  });
  const entry = concatenate([
    encodeField(MapEntry.key, encodeString(policyGroup)),
    encodeField(MapEntry.value, struct),
  ]);
  const metadata = lastValueOf(unstampRoute(route), Route.metadata) ?? new Uint8Array();
  const stamped = editFields(metadata, () => 'keep', [
    encodeField(Metadata.filter_metadata, entry),
  ]);
  return editFields(route, (field) => (field.number === Route.metadata.number ? 'drop' : 'keep'), [
    encodeField(Route.metadata, stamped),
  ]);
}

/** The Route without a stamp; the same bytes when it has none. */
export function unstampRoute(route: Uint8Array): Uint8Array {
  return editFields(route, (field) => {
    if (field.number !== Route.metadata.number) return 'keep';
    const metadata = field.value();
    const kept = editFields(metadata, (inner) =>
      inner.number === Metadata.filter_metadata.number &&
      stringOf(inner.value(), MapEntry.key) === policyGroup
        ? 'drop'
        : 'keep',
    );
    if (kept === metadata) return 'keep';
    return kept.length === 0 ? 'drop' : [encodeField(Route.metadata, kept)];
  });
}

/** The stamp of a Route; undefined when it has none, or none that can be read. */
export function readStamp(route: Uint8Array): RouteStamp | undefined {
  const struct = readFilterMetadata(route, Route.metadata, policyGroup);
  const value = struct && structValue(struct, stampKey);
  const json = value && lastValueOf(value, fields.Value.string_value);
  if (json === undefined) return undefined;
  try {
    const parsed = stampSchema.safeParse(JSON.parse(decodeString(json)));
    return parsed.success ? definedOf(parsed.data) : undefined;
  } catch {
    return undefined;
  }
}

function definedOf(stamp: z.output<typeof stampSchema>): RouteStamp {
  const { policy, mode, level, problems, fallback } = stamp;
  const rest = fallback === undefined ? { problems } : { problems, fallback };
  if (policy === undefined || mode === undefined || level === undefined) return rest;
  const { overruled, outranked } = stamp;
  return { policy, mode, level, overruled, outranked, ...rest };
}
