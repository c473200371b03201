import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { encodeString } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { valuesOf } from '../../src/xds/wire.ts';
import { encodeTag, encodeVarint, lengthDelimited, message } from './arbitrary-message.ts';

import { flip, hex, outer, readAll, runs, sameBytes, survivesEverything } from './read-fields.ts';

describe('FieldReader', () => {
  it('sees every field as it was written: number, wire type, whole bytes and value', () => {
    fc.assert(
      fc.property(message, ({ fields, bytes }) => {
        const written = fields.map(({ number, wireType, bytes, value }) => ({
          number,
          wireType,
          bytes: hex(bytes),
          value: hex(value),
        }));
        expect(readAll(bytes)).toEqual(written);
      }),
      runs,
    );
  });

  it('reads a message inside another as it reads a view of it, errors included', () => {
    fc.assert(
      fc.property(
        message,
        fc.option(fc.nat(1_000)),
        fc.uint8Array({ maxLength: 12 }),
        ({ bytes: valid }, bit, around) => {
          const bytes = bit === null || valid.length === 0 ? valid : flip(valid, bit);
          const whole = Buffer.concat([around, lengthDelimited(1, bytes), around]);
          const from = around.length;
          const reader = new FieldReader(whole, from, whole.length - around.length);
          expect(reader.next()).toBe(true);
          const inside = reader.inside();
          expect(sameBytes(inside.rest(), bytes)).toBe(true);
          const view = new FieldReader(reader.value());
          expect(walk(inside, reader.valueStart)).toEqual(walk(view, 0));
        },
      ),
      runs,
    );

    function walk(reader: FieldReader, base: number) {
      const seen: unknown[] = [];
      try {
        while (reader.next()) {
          const { number, wireType, start, valueStart, end } = reader;
          seen.push([number, wireType, start - base, valueStart - base, end - base]);
        }
      } catch (error) {
        if (!(error instanceof MalformedMessageError)) throw error;
        seen.push([error.reason.replaceAll(/\d+ (?:bytes|are)/g, ''), error.offset - base]);
      }
      return seen;
    }
  });

  it('knows an ASCII text by its bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[ -~]*$/), (one, text) => {
        expect(new FieldReader(encodeString(one)).isText(text)).toBe(one === text);
        expect(new FieldReader(encodeString(text)).isText(text)).toBe(true);
        expect(new FieldReader(encodeString(`${text}x`)).isText(text)).toBe(false);
      }),
      runs,
    );
  });

  it('agrees with protobufjs on numbers, wire types, lengths and values', () => {
    fc.assert(
      fc.property(message, ({ bytes }) => {
        const reader = new FieldReader(bytes);
        const official = protobuf.Reader.create(Buffer.from(bytes));
        while (reader.next()) {
          const tag = official.uint32();
          expect(reader.number).toBe(tag >>> 3);
          expect(reader.wireType).toBe(tag & 7);
          compareValue(reader, official);
          expect(reader.end).toBe(official.pos);
        }
        expect(official.pos).toBe(bytes.length);
      }),
      runs,
    );

    function compareValue(reader: FieldReader, official: protobuf.Reader): void {
      if (reader.wireType === 2) {
        const length = official.uint32();
        const value = official.buf.subarray(official.pos, official.pos + length);
        expect(sameBytes(reader.value(), value)).toBe(true);
        official.skip(length);
      } else if (reader.wireType === 0) {
        const value = BigInt(String(official.uint64()));
        if (value <= Number.MAX_SAFE_INTEGER) expect(reader.varint()).toBe(Number(value));
        else expect(reader.varint() / Number(value)).toBeCloseTo(1, 14);
      } else {
        skipField(official, reader.wireType);
      }
    }

    /** As protobufjs's skipType, which takes lengths of at most 5 bytes. */
    function skipField(official: protobuf.Reader, wireType: number): void {
      if (wireType === 2) official.skip(official.uint32());
      else if (wireType !== 3) official.skipType(wireType);
      else {
        for (let tag = official.uint32(); (tag & 7) !== 4; tag = official.uint32()) {
          skipField(official, tag & 7);
        }
      }
    }
  });

  it.each([
    ['0', 0n],
    ['the largest exact number', 2n ** 53n - 1n],
    ['a negative int64', 2n ** 64n - 1n],
  ])('reads varints of every length: %s', (_name, value) => {
    for (let size = 1; size <= 10; size++) {
      const bytes = Buffer.concat([encodeTag(1, 0), encodeVarint(value, size)]);
      const reader = new FieldReader(bytes);
      expect(reader.next()).toBe(true);
      expect(reader.varint()).toBe(Number(value));
      expect(reader.end).toBe(bytes.length);
      expect(reader.next()).toBe(false);
    }
  });

  it('hands out views into the message, no copies', () => {
    const bytes = lengthDelimited(2, encodeString('view'));
    const [value] = valuesOf(bytes, outer);
    expect(value?.buffer).toBe(bytes.buffer);
  });

  it.each([
    ['field number 0', [0x02, 0x00], 'field number 0'],
    ['wire type 6', [0x0e, 0x00], 'wire type 6 does not exist'],
    ['wire type 7', [0x0f, 0x00], 'wire type 7 does not exist'],
    ['a group that ends without having started', [0x0c], 'a group ends that was never started'],
    ['a group without an end', [0x0b, 0x08, 0x01], 'group 1 does not end'],
    ['groups that cross', [0x0b, 0x13, 0x0c, 0x14], 'group 1 ends out of turn'],
    ['an 11-byte varint', [0x08, ...Array(10).fill(0x80), 0x00], 'longer than 10 bytes'],
    ['a cut varint', [0x08, 0x80], 'a varint is cut off'],
    ['a cut tag', [0x80], 'a varint is cut off'],
    ['a cut string', [0x12, 0x05, 0x61], 'field 2 wants 5 bytes, 1 are left'],
    ['a cut fixed32', [0x0d, 0x00], 'field 1 wants 4 bytes, 1 are left'],
    ['a cut fixed64', [0x09, 0x00], 'field 1 wants 8 bytes, 1 are left'],
    ['a length of 2^63', [0x12, ...Array(9).fill(0x80), 0x01], 'are left'],
    ['a tag of more than 32 bits', [0x8a, 0x80, 0x80, 0x80, 0x10, 0x00], 'larger than 32 bits'],
  ])('names what is wrong: %s', (_name, bytes, reason) => {
    expect(() => readAll(Uint8Array.from(bytes))).toThrow(reason);
    expect(() => readAll(Uint8Array.from(bytes))).toThrow(MalformedMessageError);
  });

  it('walks 100 nested groups and refuses 101, without recursing', () => {
    const nested = (depth: number) =>
      Buffer.concat([
        ...Array.from({ length: depth }, () => encodeTag(1, 3)),
        ...Array.from({ length: depth }, () => encodeTag(1, 4)),
      ]);
    expect(readAll(nested(100))).toHaveLength(1);
    expect(() => readAll(nested(101))).toThrow('groups nest too deeply');
    expect(() => readAll(nested(200_000))).toThrow('groups nest too deeply');
  });
});

describe('broken bytes', () => {
  it('cut off anywhere, a message reads as its first fields or is malformed', () => {
    fc.assert(
      fc.property(message, ({ fields, bytes }) => {
        const borders = new Set([0]);
        let at = 0;
        for (const field of fields) {
          at += field.bytes.length;
          borders.add(at);
        }
        for (let end = 0; end <= bytes.length; end++) {
          const outcome = survivesEverything(bytes.subarray(0, end));
          expect(outcome).toBe(borders.has(end) ? 'read' : 'malformed');
        }
      }),
      { numRuns: 40 },
    );
  });

  it('with flipped bits, a message reads fine or is malformed, and always ends', () => {
    fc.assert(
      fc.property(
        message.filter(({ bytes }) => bytes.length > 0),
        fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
        ({ bytes }, bits) => {
          survivesEverything(bits.reduce((damaged, bit) => flip(damaged, bit), bytes));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('that were never a message read fine or are malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        survivesEverything(bytes);
      }),
      { numRuns: 1_000 },
    );
  });
});
