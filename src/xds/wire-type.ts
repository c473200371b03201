import { type FieldReader, wireTypes } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { MalformedMessageError } from './malformed.ts';

/** Throws MalformedMessageError when the reader's current field is not length-delimited. */
export function expectLengthDelimited(reader: FieldReader, field: FieldRef): void {
  if (reader.wireType !== wireTypes.lengthDelimited) {
    wrongWireType(reader, field, 'length-delimited');
  }
}

/** Has a reader walk the length-delimited field at which another stands; spares one for each field. */
export function over(outer: FieldReader, field: FieldRef, reader: FieldReader): FieldReader {
  expectLengthDelimited(outer, field);
  return reader.over(outer.message, outer.valueStart, outer.end);
}

/** Throws MalformedMessageError when the reader's current field is not a varint. */
export function expectVarint(reader: FieldReader, field: FieldRef): void {
  if (reader.wireType !== wireTypes.varint) wrongWireType(reader, field, 'a varint');
}

function wrongWireType(reader: FieldReader, field: FieldRef, wanted: string): never {
  throw new MalformedMessageError(
    `${field.name} (field ${field.number} of ${field.message}) is ${wanted}, ` +
      `but came with wire type ${reader.wireType}`,
    '',
    reader.start,
  );
}
