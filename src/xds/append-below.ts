import type { BackwardWriter } from './backward-writer.ts';
import type { FieldReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';

/** Bytes that are appended to a message which lies some levels below another, in which all offsets are. */
export interface AppendedBelow {
  /** The fields that lead to it, the outermost first. */
  readonly path: readonly FieldRef[];
  /** Where it begins. */
  readonly at: number;
  readonly added: Uint8Array;
}

/**
 * Writes the message that a reader has still to walk with the bytes appended: what `mapFields` at each level
 * makes, without a copy for each. The offset comes from one who walked all of it. Throws MalformedMessageError.
 */
export function appendBelow(
  reader: FieldReader,
  appended: AppendedBelow,
  writer: BackwardWriter,
): void {
  grow(reader, 0, appended, writer);
}

function grow(
  reader: FieldReader,
  level: number,
  appended: AppendedBelow,
  writer: BackwardWriter,
): void {
  const { message, end: from, limit: to } = reader;
  const field = appended.path[level];
  if (field === undefined) {
    writer.bytes(appended.added);
    writer.part(message, from, to);
    return;
  }
  while (reader.next() && reader.end < appended.at);
  const { start, end } = reader;
  writer.part(message, end, to);
  const behind = writer.length;
  grow(reader.inside(), level + 1, appended, writer);
  writer.wrap(field, behind);
  writer.part(message, from, start);
}
