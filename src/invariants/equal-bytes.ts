import type { FieldReader } from '../xds/field-reader.ts';

const { compare } = Buffer.prototype;

/**
 * Whether the value at which a reader stands is the same as what begins at an offset of another message.
 * By the engine's own comparison, which takes any bytes: a Buffer of each message would be dear.
 */
export function isValueAt(value: FieldReader, message: Uint8Array, from: number): boolean {
  const { valueStart, end } = value;
  const to = from + end - valueStart;
  return compare.call(value.message, message, from, to, valueStart, end) === 0;
}
