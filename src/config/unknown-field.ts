import { closest, distance } from 'fastest-levenshtein';
import * as z from 'zod';
import type { Path } from './yaml-places.ts';

/** What to say of a field that a schema does not have: the nearest name, or all of them. */
export function unknownField(key: string, valid: readonly string[]): string {
  if (valid.length === 0) return `there is no field ${key} here`;
  const nearest = nearestName(key, valid);
  const hint =
    nearest === undefined ? `valid here: ${valid.join(', ')}` : `did you mean ${nearest}?`;
  return `there is no field ${key} here; ${hint}`;
}

/** The name that was probably meant, when one is near enough. */
export function nearestName(name: string, valid: readonly string[]): string | undefined {
  const nearest = closest(name, valid);
  return distance(name, nearest) <= Math.max(2, name.length / 2) ? nearest : undefined;
}

/** The field names that a schema has at a path, lists and alternatives included. */
export function fieldNamesAt(schema: z.ZodType, path: Path): string[] {
  let places: unknown[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })];
  for (const part of path) {
    places = alternatives(places).map((place) =>
      typeof part === 'number' ? place.items : place.properties?.[part],
    );
  }
  return alternatives(places).flatMap((place) => Object.keys(place.properties ?? {}));
}

const propertiesShape = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
});

function alternatives(places: readonly unknown[]): z.output<typeof propertiesShape>[] {
  return places.flatMap((place) => {
    const parsed = propertiesShape.safeParse(place);
    if (!parsed.success) return [];
    return parsed.data.anyOf === undefined ? [parsed.data] : alternatives(parsed.data.anyOf);
  });
}
