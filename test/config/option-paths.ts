import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';

const placeSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() });

/** The path of every option in the configuration, for instance `state.file.path`. */
export function optionPaths(): string[] {
  return pathsBelow(z.toJSONSchema(configSchema, { io: 'input' }), []);
}

function pathsBelow(place: unknown, path: readonly string[]): string[] {
  const { properties } = placeSchema.parse(place);
  if (properties === undefined) return [path.join('.')];
  return Object.entries(properties).flatMap(([name, inner]) => pathsBelow(inner, [...path, name]));
}
