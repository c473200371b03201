import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BackwardWriter } from '../../src/xds/backward-writer.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';

const field = (number: number) => ({ message: 'm', name: 'f', number });
const number = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0x1fffffff }));
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('x'.repeat(127), 'x'.repeat(128), 'ü'.repeat(9_000), '\ud800'),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const part = fc.record({ number, text, bytes, isWrapped: fc.boolean() });

it('writes from the end what is encoded from the beginning', () => {
  const writer = new BackwardWriter();
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      let expected: Uint8Array = new Uint8Array();
      writer.begin();
      for (const { number, text, bytes, isWrapped } of parts) {
        const behind = writer.length;
        writer.bytes(bytes);
        writer.text(field(number), text);
        if (isWrapped) writer.wrap(field(number), behind);
        const own = concatenate([encodeField(field(number), encodeString(text)), bytes]);
        expected = concatenate([isWrapped ? encodeField(field(number), own) : own, expected]);
      }
      expect(Buffer.compare(writer.finish(), expected)).toBe(0);
    }),
  );
});

it('begins anew after a message that was not finished', () => {
  const writer = new BackwardWriter();
  writer.text(field(1), 'left');
  writer.begin();
  writer.text(field(2), 'a');
  expect(writer.finish()).toEqual(encodeField(field(2), encodeString('a')));
});

const large = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  fc.nat(200_000).map((size) => new Uint8Array(size).fill(7)),
);

it('hands out messages that later ones leave alone, whatever room they were expected to need', () => {
  const writer = new BackwardWriter();
  const written: [Uint8Array, Uint8Array][] = [];
  fc.assert(
    fc.property(fc.array(large, { maxLength: 4 }), fc.nat(300_000), (parts, expected) => {
      writer.begin(expected);
      for (const part of parts.toReversed()) {
        const padded = concatenate([Uint8Array.of(1), part, Uint8Array.of(2)]);
        writer.all([part, encodeString('ü')]);
        writer.part(padded, 1, padded.length - 1);
        writer.characters('ü');
      }
      const wanted = parts.flatMap((part) => [encodeString('ü'), part, part, encodeString('ü')]);
      written.push([writer.finish(), concatenate(wanted)]);
      for (const [is, wanted] of written.slice(-3)) expect(Buffer.compare(is, wanted)).toBe(0);
    }),
  );
});

it('keeps no room that a large message needed', () => {
  const writer = new BackwardWriter();
  writer.begin();
  writer.bytes(new Uint8Array(1_000_000));
  const large = writer.finish();
  writer.begin();
  writer.text(field(1), 'small');
  const small = writer.finish();
  expect(large.length).toBe(1_000_000);
  expect(small).toEqual(encodeField(field(1), encodeString('small')));
  expect(small.buffer.byteLength).toBeLessThan(100_000);
});
