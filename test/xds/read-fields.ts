import { expect } from 'vitest';
import { FieldReader } from '../../src/xds/field-reader.ts';
import type { FieldRef } from '../../src/xds/field-ref.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import {
  editFields,
  expectAtMostOne,
  forEachField,
  hasField,
  mapFields,
  stringOf,
  valuesOf,
  varintOf,
} from '../../src/xds/wire.ts';

/** A message field, and two fields of the message in it. */
export const outer: FieldRef = { message: 'Outer', name: 'outer', number: 2 };
export const inner: FieldRef = { message: 'Inner', name: 'inner', number: 3 };
export const other: FieldRef = { message: 'Inner', name: 'other', number: 4 };
/** How often a property is tried. */
export const runs = { numRuns: 300 };

/** Equality by content whatever the class: Buffer and Uint8Array are the same to a peer. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The bytes with one bit flipped. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit % 8));
  return copy;
}

/** A field as the reader showed it; bytes in hex. */
export interface SeenField {
  readonly number: number;
  readonly wireType: number;
  readonly bytes: string;
  readonly value: string;
}

/** Every field of a message, by the reader. */
export function readAll(bytes: Uint8Array): SeenField[] {
  const seen: SeenField[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    const { number, wireType } = reader;
    seen.push({ number, wireType, bytes: hex(reader.raw()), value: hex(reader.value()) });
  }
  return seen;
}

/** Bytes as text that a failing test can show. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Runs every reader and editor of wire.ts; a malformed message may be said, nothing else may happen. */
export function survivesEverything(bytes: Uint8Array): 'read' | 'malformed' {
  const deep = (value: Uint8Array) => mapFields(value, inner, (item) => item);
  const calls = [
    () => readAll(bytes),
    () => editFields(bytes, () => 'keep'),
    () => editFields(bytes, () => 'drop'),
    () => mapFields(bytes, outer, deep),
    () => forEachField(bytes, outer, (value) => stringOf(value, inner)),
    () => valuesOf(bytes, outer),
    () => varintOf(bytes, outer),
    () => hasField(bytes, inner),
    () => expectAtMostOne(bytes, outer, inner),
  ];
  const outcomes = calls.map((call) => {
    try {
      call();
      return 'read';
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      expect(error.offset).toBeGreaterThanOrEqual(0);
      expect(error.offset).toBeLessThanOrEqual(bytes.length);
      return 'malformed';
    }
  });
  return outcomes[0] === 'read' ? 'read' : 'malformed';
}

/** The malformed-message error of a call that has to fail. */
export function thrownBy(call: () => unknown): MalformedMessageError {
  try {
    call();
  } catch (error) {
    if (error instanceof MalformedMessageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
