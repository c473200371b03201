import { encodeFieldHead } from './encoding.ts';
import { type FieldReader, viewOf } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';

/** A message that lies some levels below another, in which all offsets are. */
export interface MessageBelow {
  /** The fields that lead to it, the outermost first. */
  readonly path: readonly FieldRef[];
  /** Where it begins. */
  readonly at: number;
}

/**
 * The pieces of which a message consists, `from` one offset `to` another, when bytes are appended to a
 * message that lies in it, and its length: what `mapFields` at each level makes, without a copy for each.
 * The offsets come from one who walked all of it. Throws MalformedMessageError.
 */
export function appendBelow(
  message: FieldReader,
  { path, at }: MessageBelow,
  added: Uint8Array,
): { readonly pieces: readonly Uint8Array[]; readonly length: number } {
  const pieces: Uint8Array[] = [];
  const length = grow(message, 0, { path, at, added, pieces });
  return { pieces, length };
}

interface Growing extends MessageBelow {
  readonly added: Uint8Array;
  readonly pieces: Uint8Array[];
}

/** Answers how long the message becomes that a reader has still to walk. */
function grow(reader: FieldReader, level: number, growing: Growing): number {
  const { message, end: from, limit: to } = reader;
  const { path, at, added, pieces } = growing;
  const field = path[level];
  if (field === undefined) {
    pieces.push(viewOf(message, from, to), added);
    return to - from + added.length;
  }
  while (reader.next() && reader.end < at);
  const { start, end } = reader;
  const headAt = pieces.push(viewOf(message, from, start)); // filled in when the length is known
  pieces.push(added);
  const inside = grow(reader.inside(), level + 1, growing);
  const head = encodeFieldHead(field, inside);
  pieces[headAt] = head;
  pieces.push(viewOf(message, end, to));
  return start - from + head.length + inside + to - end;
}
