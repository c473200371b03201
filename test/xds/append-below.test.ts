import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type AppendedBelow, appendBelow } from '../../src/xds/append-below.ts';
import { BackwardWriter } from '../../src/xds/backward-writer.ts';
import { concatenate, encodeField } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { mapFields } from '../../src/xds/wire.ts';
import { encodeTag } from './arbitrary-message.ts';

const field = (number: number) => ({ message: 'm', name: 'f', number });
const odd = Buffer.concat([encodeTag(2, 2), Uint8Array.of(0x81, 0, 0xff)]); // a length in two bytes
const part = fc.constantFrom(
  Uint8Array.of(0x20, 1),
  odd,
  encodeField(field(1), new Uint8Array(120)),
  encodeField(field(2), new Uint8Array()),
);
const parts = fc.array(part, { maxLength: 3 }).map(concatenate);
const level = fc.record({ before: parts, behind: parts, number: fc.integer({ min: 1, max: 3 }) });

function written(reader: FieldReader, appended: AppendedBelow): Uint8Array {
  const writer = new BackwardWriter();
  writer.begin();
  appendBelow(reader, appended, writer);
  return writer.finish();
}

it('appends to a message below what rewriting it at each level appends', () => {
  fc.assert(
    fc.property(fc.array(level, { maxLength: 4 }), parts, parts, (levels, inmost, added) => {
      let message = inmost;
      let expected = concatenate([inmost, added]);
      let at = 0;
      for (const { before, behind, number } of levels) {
        const around = (value: Uint8Array) =>
          concatenate([before, encodeField(field(number), value), behind]);
        at += around(message).length - behind.length - message.length;
        message = around(message);
        expected = around(expected);
      }
      const path = levels.map(({ number }) => field(number)).reverse();
      const shifted = concatenate([odd, message, odd]);
      const reader = new FieldReader(shifted, odd.length, odd.length + message.length);
      const grown = written(reader, { path, at: odd.length + at, added });
      expect(Buffer.compare(grown, expected)).toBe(0);
    }),
    { numRuns: 1_000 },
  );
});

it('encodes the heads on the way as rewriting does, however they came', () => {
  const added = Uint8Array.of(0x20, 1);
  const message = Buffer.concat([encodeTag(1, 2), Uint8Array.of(0x82, 0, 0x20, 0)]);
  const path = [field(1)];
  const grown = written(new FieldReader(message), { path, at: 3, added });
  const expected = mapFields(message, field(1), (value) => concatenate([value, added]));
  expect(Buffer.compare(grown, expected)).toBe(0);
});
