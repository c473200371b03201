import fc from 'fast-check';
import { expect, it } from 'vitest';
import { endOfField, startOfValue } from '../../src/xds/field-ends.ts';
import { FieldReader, wireTypes } from '../../src/xds/field-reader.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { lengthDelimited, message } from './arbitrary-message.ts';

/** Where a reader says that the first field ends, and its value begins; undefined when it is malformed. */
function read(bytes: Uint8Array, from: number, to: number) {
  const reader = new FieldReader(bytes, from, to);
  try {
    if (!reader.next()) return undefined;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  }
  return reader;
}

/** By its tag alone it is known what field it is, and where its value begins. */
function expectSameField(bytes: Uint8Array, at: number, reader: FieldReader): void {
  const tag = bytes[at] ?? 0;
  if (tag >= 0x80) {
    expect(reader.number).toBeGreaterThan(15);
    return;
  }
  expect([tag >>> 3, tag & 7]).toEqual([reader.number, reader.wireType]);
  if (reader.wireType === wireTypes.lengthDelimited) {
    expect(startOfValue(bytes, at)).toBe(reader.valueStart);
  }
}

it('ends fields where a reader does, or leaves them to it', () => {
  const odd = fc.option(fc.tuple(fc.nat(100), fc.nat(255)), { nil: undefined });
  fc.assert(
    fc.property(message, odd, fc.nat(3), ({ bytes }, change, less) => {
      const all = Buffer.concat([bytes, Uint8Array.of(1, 2, 3, 4)]);
      if (change !== undefined) all[change[0]] = change[1];
      const limit = bytes.length - less;
      for (let at = 0; at < limit; ) {
        const end = endOfField(all, at, limit);
        const reader = read(all, at, limit);
        if (end === -1 || reader === undefined) {
          expect(end).toBe(-1);
          return;
        }
        expect(end).toBe(reader.end);
        expectSameField(all, at, reader);
        at = end;
      }
    }),
    { numRuns: 5_000 },
  );
});

it('ends values of one, two and three bytes of length', () => {
  for (const size of [0, 127, 128, 0x3fff, 0x4000, 0x1fffff]) {
    const field = lengthDelimited(3, new Uint8Array(size));
    expect(endOfField(field, 0, field.length)).toBe(field.length);
    expect(startOfValue(field, 0)).toBe(field.length - size);
    expect(endOfField(field, 0, field.length - 1)).toBe(-1);
  }
});
