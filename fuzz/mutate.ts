import { encodeField, splitMessage, type WireField } from './message-fields.ts';
import { type Material, mutateFields } from './mutations.ts';
import type { Random } from './random.ts';
import type { Content, MessageContent, Schema } from './schema.ts';

/** What a snapshot is mutated with. */
export interface Mutator {
  readonly schema: Schema;
  readonly random: Random;
  readonly material: Material;
  /** Whether what comes out may be anything, or should mostly still be a snapshot. */
  readonly isRough: boolean;
}

/** How often a resource is chosen, by the number of its list: routes are what is rewritten most. */
const listWeights = new Map([
  [1, 1],
  [2, 4],
  [3, 1],
  [4, 3],
  [5, 14],
]);

/** A PostTranslateModifyRequest with one thing changed, in one resource or among them. */
export function mutateRequest(request: Uint8Array, mutator: Mutator): Uint8Array {
  const { random, schema } = mutator;
  const resources = splitMessage(request);
  if (resources === undefined || resources.length === 0) return request;
  const contentOf = ({ number }: WireField) => schema.resource(number);
  const fields = resources.map(({ raw }) => raw);
  if (random.oneIn(mutator.isRough ? 12 : 8)) {
    const subject = { fields, split: resources, type: undefined, contentOf, ...mutator };
    return mutateFields(subject, mutator.isRough && random.oneIn(4));
  }
  const chosen = random.weighted(
    resources.map((field, at) => [listWeights.get(field.number) ?? 1, at] as const),
  );
  return mutateInside(resources, chosen, contentOf, mutator);
}

function mutateInside(
  split: readonly WireField[],
  chosen: number,
  contentOf: (field: WireField) => Content,
  mutator: Mutator,
): Uint8Array {
  const fields = split.map(({ raw }) => raw);
  const field = split[chosen];
  if (field === undefined) return Buffer.concat(fields);
  const content = contentOf(field);
  if (content.kind !== 'message' && content.kind !== 'map-entry') return Buffer.concat(fields);
  const value = mutateMessage(field.value, content, mutator);
  return Buffer.concat(fields.with(chosen, encodeField(field.number, 2, value)));
}

/** One in so many levels is where the change is made; below are the messages in the message. */
const stopsOneIn = 4;

function mutateMessage(bytes: Uint8Array, content: MessageContent, mutator: Mutator): Uint8Array {
  const { random, schema } = mutator;
  const split = splitMessage(bytes);
  if (split === undefined || split.length === 0) return bytes;
  const contentOf = (field: WireField) => schema.content(content, field, split);
  const messages = split.flatMap((field, at) =>
    field.wireType === 2 && /^m/.test(contentOf(field).kind) ? [at] : [],
  );
  if (messages.length > 0 && !random.oneIn(stopsOneIn)) {
    return mutateInside(split, random.pick(messages), contentOf, mutator);
  }
  const fields = split.map(({ raw }) => raw);
  const type = content.kind === 'message' ? content.type : undefined;
  return mutateFields({ fields, split, type, contentOf, ...mutator }, mutator.isRough);
}
