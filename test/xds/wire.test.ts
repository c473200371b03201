import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { concatenate, encodeField, encodeFieldHead, encodeString } from '../../src/xds/encoding.ts';
import type { FieldRef } from '../../src/xds/field-ref.ts';
import { decodeString } from '../../src/xds/text.ts';
import {
  editFields,
  expectAtMostOne,
  forEachField,
  hasField,
  lastValueOf,
  mapFields,
  stringOf,
  valuesOf,
  varintOf,
} from '../../src/xds/wire.ts';
import {
  encodeTag,
  lengthDelimited,
  type MadeField,
  type MadeMessage,
  message,
  messageWith,
} from './arbitrary-message.ts';

import { hex, inner, other, outer, readAll, runs, sameBytes, thrownBy } from './read-fields.ts';

describe('editFields', () => {
  it('answers the very same buffer when every field is kept', () => {
    fc.assert(
      fc.property(message, ({ bytes }) => {
        expect(editFields(bytes, () => 'keep')).toBe(bytes);
      }),
      runs,
    );
  });

  it('leaves every other field byte-identical and in order when it replaces or drops some', () => {
    const edits = fc.infiniteStream(fc.constantFrom('keep' as const, 'drop' as const, 'replace'));
    fc.assert(
      fc.property(
        message,
        edits,
        fc.uint8Array({ maxLength: 5 }),
        ({ fields, bytes }, plan, value) => {
          const replacement = encodeField(outer, value);
          const decisions = fields.map(() => plan.next().value ?? 'keep');
          let at = 0;
          const edited = editFields(bytes, () => {
            const decision = decisions[at++] ?? 'keep';
            return decision === 'keep' || decision === 'drop' ? decision : [replacement];
          });
          const expected = fields.flatMap((field, index) => {
            const decision = decisions[index];
            if (decision === 'drop') return [];
            return [decision === 'keep' ? field.bytes : replacement];
          });
          expect(sameBytes(edited, Buffer.concat(expected))).toBe(true);
        },
      ),
      runs,
    );
  });

  it('puts what it appends last, also into an empty message', () => {
    const added = encodeField(inner, encodeString('new'));
    fc.assert(
      fc.property(message, ({ bytes }) => {
        const edited = editFields(bytes, () => 'keep', [added]);
        expect(sameBytes(edited, Buffer.concat([bytes, added]))).toBe(true);
      }),
    );
    expect(
      sameBytes(
        editFields(new Uint8Array(), () => 'drop', [added]),
        added,
      ),
    ).toBe(true);
  });

  it('drops everything to an empty message, and puts several fields in place of one', () => {
    const bytes = Buffer.concat([
      lengthDelimited(1, encodeString('a')),
      encodeTag(2, 0),
      Uint8Array.of(7),
    ]);
    expect(editFields(bytes, () => 'drop')).toHaveLength(0);
    const twice = editFields(bytes, (field) =>
      field.number === 1 ? [field.raw(), field.raw()] : 'keep',
    );
    expect(readAll(twice).map(({ number }) => number)).toEqual([1, 1, 2]);
  });

  it('leaves the original bytes alone', () => {
    fc.assert(
      fc.property(message, ({ bytes }) => {
        const before = Uint8Array.from(bytes);
        editFields(bytes, () => [encodeField(outer, encodeString('else'))]);
        expect(sameBytes(bytes, before)).toBe(true);
      }),
    );
  });
});

describe('encodeFieldHead', () => {
  it('with the value behind it is what protobufjs writes', () => {
    const number = fc.integer({ min: 1, max: 0x1fffffff });
    fc.assert(
      fc.property(number, fc.uint8Array({ maxLength: 400 }), (number, value) => {
        const field = { message: '', name: '', number };
        const official = protobuf.Writer.create()
          .uint32(((number << 3) | 2) >>> 0)
          .bytes(value);
        const head = encodeFieldHead(field, value.length);
        expect(sameBytes(Buffer.concat([head, value]), official.finish())).toBe(true);
        expect(sameBytes(encodeField(field, value), official.finish())).toBe(true);
      }),
      runs,
    );
  });
});

describe('mapFields', () => {
  const messages = messageWith(outer.number);

  it('answers the very same buffer when each value is kept', () => {
    fc.assert(
      fc.property(messages, ({ bytes }) => {
        expect(mapFields(bytes, outer, (value) => value)).toBe(bytes);
      }),
      runs,
    );
  });

  it('replaces what it should and leaves all other fields byte-identical', () => {
    fc.assert(
      fc.property(
        messages,
        fc.nat({ max: 4 }),
        fc.uint8Array({ maxLength: 300 }),
        (made, wanted, value) => {
          const mapped = mapFields(made.bytes, outer, (old, index) =>
            index === wanted ? value : old,
          );
          const expected = mapModel(made, (field, index) =>
            index === wanted ? lengthDelimited(outer.number, value) : field.bytes,
          );
          expect(sameBytes(mapped, expected)).toBe(true);
        },
      ),
      runs,
    );
  });

  it('drops what it should and leaves all other fields byte-identical', () => {
    fc.assert(
      fc.property(messages, fc.nat({ max: 4 }), (made, unwanted) => {
        const mapped = mapFields(made.bytes, outer, (old, index) =>
          index === unwanted ? undefined : old,
        );
        const expected = mapModel(made, (field, index) =>
          index === unwanted ? new Uint8Array() : field.bytes,
        );
        expect(sameBytes(mapped, expected)).toBe(true);
      }),
      runs,
    );
  });

  it('done twice is done once: the second pass answers the same buffer', () => {
    const shout = encodeString('Tunnel not online');
    const once = (bytes: Uint8Array) =>
      mapFields(bytes, outer, (value) => (sameBytes(value, shout) ? value : shout));
    fc.assert(
      fc.property(messages, ({ bytes }) => {
        const first = once(bytes);
        expect(once(first)).toBe(first);
      }),
      runs,
    );
  });

  it('shares structure through nested messages: an untouched path stays the same buffer', () => {
    fc.assert(
      fc.property(messageWith(inner.number), messageWith(inner.number), (left, right) => {
        const bytes = Buffer.concat(
          [left.bytes, right.bytes].map((one) => lengthDelimited(2, one, 4)),
        );
        const seen: Uint8Array[] = [];
        const mapped = mapFields(bytes, outer, (value) =>
          mapFields(value, inner, (item) => {
            seen.push(item);
            return item;
          }),
        );
        expect(mapped).toBe(bytes);
        expect(seen.every((item) => item.buffer === bytes.buffer)).toBe(true);
      }),
      runs,
    );
  });

  it('writes what protobufjs reads', () => {
    const type = new protobuf.Type('Message').add(
      new protobuf.Field('values', outer.number, 'bytes', 'repeated'),
    );
    new protobuf.Root().add(type);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (values) => {
        const bytes = type.encode(type.create({ values })).finish();
        const mapped = mapFields(bytes, outer, (value) => Buffer.concat([value, value]));
        const decoded = type.toObject(type.decode(Buffer.from(mapped)), { arrays: true }).values;
        expect(decoded.map((value: Uint8Array) => hex(value))).toEqual(
          values.map((value) => hex(value).repeat(2)),
        );
      }),
    );
  });

  it('refuses its field in another wire type, and says which', () => {
    const bytes = Buffer.concat([
      encodeTag(7, 0),
      Uint8Array.of(1),
      encodeTag(outer.number, 0),
      Uint8Array.of(1),
    ]);
    const error = thrownBy(() => mapFields(bytes, outer, (value) => value));
    expect(error.reason).toBe(
      'outer (field 2 of Outer) is length-delimited, but came with wire type 0',
    );
    expect(error.offset).toBe(2);
  });

  function mapModel(
    { fields }: MadeMessage,
    edit: (field: MadeField, index: number) => Uint8Array,
  ): Uint8Array {
    let index = 0;
    const parts = fields.map((field) =>
      field.number === outer.number ? edit(field, index++) : field.bytes,
    );
    return Buffer.concat(parts);
  }
});

describe('the place in an error', () => {
  it('is the path of nested fields and the offset in the outermost message', () => {
    fc.assert(
      fc.property(
        messageWith(outer.number),
        messageWith(inner.number),
        message,
        fc.integer({ min: 1, max: 10 }),
        (before, beside, good, size) => {
          const broken = Buffer.concat([good.bytes, Uint8Array.of(0x0e)]); // wire type 6 does not exist
          const middle = Buffer.concat([beside.bytes, lengthDelimited(inner.number, broken, size)]);
          const bytes = Buffer.concat([before.bytes, lengthDelimited(outer.number, middle, size)]);
          const error = thrownBy(() =>
            mapFields(bytes, outer, (value, index) => {
              if (index < count(before, outer)) return value;
              return mapFields(value, inner, (item, at) => {
                if (at >= count(beside, inner)) readAll(item);
                return item;
              });
            }),
          );
          expect(error.path).toBe(`outer[${count(before, outer)}].inner[${count(beside, inner)}]`);
          expect(error.offset).toBe(bytes.length - 1);
          expect(error.kind).toBe('malformed');
          expect(error.message).toBe(
            `${error.path} at byte ${error.offset}: wire type 6 does not exist`,
          );
        },
      ),
      runs,
    );
  });

  it('is the same from forEachField', () => {
    const broken = lengthDelimited(inner.number, Uint8Array.of(0x08));
    const bytes = Buffer.concat([lengthDelimited(2, new Uint8Array()), lengthDelimited(2, broken)]);
    const error = thrownBy(() =>
      forEachField(bytes, outer, (value) => forEachField(value, inner, readAll)),
    );
    expect(error).toMatchObject({ path: 'outer[1].inner[0]', offset: 6 });
  });

  it('is "message" where the outermost message itself is broken', () => {
    expect(thrownBy(() => readAll(Uint8Array.of(0x08))).message).toBe(
      'message at byte 0: a varint is cut off',
    );
  });

  it('does not change errors of other classes', () => {
    const bytes = lengthDelimited(2, new Uint8Array());
    const failure = new RangeError('not ours');
    const fail = () => {
      throw failure;
    };
    expect(() => mapFields(bytes, outer, fail)).toThrow(failure);
  });

  function count({ fields }: MadeMessage, { number }: FieldRef): number {
    return fields.filter((field) => field.number === number).length;
  }
});

describe('reading values', () => {
  const text = (value: string) => lengthDelimited(2, encodeString(value));

  it('keeps the last of a string given twice, and "" where there is none', () => {
    const bytes = Buffer.concat([text('first'), text('last')]);
    expect(stringOf(bytes, outer)).toBe('last');
    expect(valuesOf(bytes, outer).map(decodeString)).toEqual(['first', 'last']);
    expect(stringOf(new Uint8Array(), outer)).toBe('');
    expect(lastValueOf(new Uint8Array(), outer)).toBeUndefined();
  });

  it('keeps the last of a varint given twice, and 0 where there is none', () => {
    const bytes = Buffer.concat([
      encodeTag(2, 0),
      Uint8Array.of(1),
      encodeTag(2, 0),
      Uint8Array.of(9),
    ]);
    expect(varintOf(bytes, outer)).toBe(9);
    expect(varintOf(new Uint8Array(), outer)).toBe(0);
    expect(() => varintOf(text('text'), outer)).toThrow('outer (field 2 of Outer) is a varint');
  });

  it('finds a field of any wire type, and not by what is inside groups or values', () => {
    const group = Buffer.concat([encodeTag(9, 3), text('inside'), encodeTag(9, 4)]);
    expect(hasField(Buffer.concat([encodeTag(2, 0), Uint8Array.of(1)]), outer)).toBe(true);
    expect(hasField(group, outer)).toBe(false);
    expect(valuesOf(group, outer)).toEqual([]);
    expect(hasField(lengthDelimited(9, text('inside')), outer)).toBe(false);
  });

  it('turns any text into UTF-8 and back, byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(decodeString(encodeString(`\uFEFF${value}`))).toBe(`\uFEFF${value}`);
      }),
      { numRuns: 50 },
    );
  });

  it('reads invalid UTF-8 as text that equals no name', () => {
    expect(decodeString(Uint8Array.of(0x61, 0xff))).toBe('a\uFFFD');
  });

  it('joins buffers into a new one', () => {
    expect(concatenate([])).toHaveLength(0);
    expect([...concatenate([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3)])]).toEqual([
      1, 2, 3,
    ]);
  });
});

describe('expectAtMostOne', () => {
  const value = encodeString('x');

  it('takes none and one', () => {
    expect(() => expectAtMostOne(new Uint8Array(), inner, other)).not.toThrow();
    expect(() => expectAtMostOne(lengthDelimited(3, value), inner, other)).not.toThrow();
  });

  it.each([
    ['one of them twice', [3, 3]],
    ['two of them', [3, 4]],
  ])('calls %s ambiguous', (_name, numbers) => {
    const bytes = Buffer.concat(numbers.map((number) => lengthDelimited(number, value)));
    const error = thrownBy(() => expectAtMostOne(bytes, inner, other));
    expect(error.kind).toBe('ambiguous');
    expect(error.reason).toBe(`Inner has inner or other more than once`);
    expect(error.offset).toBe(3);
  });
});
