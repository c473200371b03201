import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BackwardWriter } from '../../src/xds/backward-writer.ts';
import { concatenate } from '../../src/xds/encoding.ts';
import { ForwardWriter } from '../../src/xds/forward-writer.ts';

const bytes = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 100 }) },
  fc.nat(200_000).map((size) => new Uint8Array(size).fill(7)),
);

it('writes parts one behind the other, and hands out what later ones leave alone', () => {
  const writer = new ForwardWriter();
  const backward = new BackwardWriter();
  const written: [Uint8Array, Uint8Array][] = [];
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 4 }), fc.nat(300_000), (parts, expected) => {
      writer.begin(expected);
      for (const part of parts) {
        const padded = concatenate([Uint8Array.of(1), part, Uint8Array.of(2)]);
        backward.begin();
        backward.part(padded, 1, padded.length - 1);
        backward.moveTo(writer);
        writer.part(padded, 1, padded.length - 1);
        writer.bytes(part);
      }
      const tripled = parts.flatMap((part) => [part, part, part]);
      written.push([writer.finish(), concatenate(tripled)]);
      for (const [is, wanted] of written.slice(-3)) expect(Buffer.compare(is, wanted)).toBe(0);
    }),
  );
});

it('begins anew after a message that was let go', () => {
  const writer = new ForwardWriter();
  writer.begin(0);
  writer.bytes(new Uint8Array(100_000));
  writer.letGo();
  writer.begin(0);
  writer.bytes(Uint8Array.of(1));
  expect(writer.finish()).toEqual(Uint8Array.of(1));
});
