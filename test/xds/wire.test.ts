import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { FieldReader, wireTypes } from '../../src/xds/field-reader.ts';
import type { FieldRef } from '../../src/xds/fields.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import {
  editFields,
  encodeField,
  encodeString,
  expectAtMostOne,
  mapFields,
  stringOf,
  varintOf,
} from '../../src/xds/wire.ts';
import { anyMessage, type EncodedField, join } from '../support/messages.ts';

const outer: FieldRef = { message: 'Outer', name: 'inner', number: 3 };
const inner: FieldRef = { message: 'Inner', name: 'text', number: 1 };

function readAll(message: Uint8Array): EncodedField[] {
  const reader = new FieldReader(message);
  const found: EncodedField[] = [];
  while (reader.next()) found.push({ number: reader.number, bytes: Uint8Array.from(reader.raw()) });
  return found;
}

function readsOrSaysWhy(message: Uint8Array): void {
  try {
    readAll(message);
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessageError);
  }
}

describe('reading fields', () => {
  it('finds every field of any legal message, byte for byte', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(readAll(join(message))).toEqual(message);
      }),
    );
  });

  it('agrees with protobufjs on where fields are and what varints mean', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(0x7fffffff), fc.string(), (id, n, s) => {
        const bytes = protobuf.Writer.create()
          .uint32(id << 3)
          .uint32(n)
          .uint32(((id + 1) << 3) | 2)
          .string(s)
          .finish();
        expect(varintOf(bytes, { message: '', name: '', number: id })).toBe(n);
        expect(stringOf(bytes, { message: '', name: '', number: id + 1 })).toBe(s);
      }),
    );
  });

  it('ends in fields or a reason, wherever the message is cut', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const bytes = join(message);
        for (let length = 0; length < bytes.length; length++)
          readsOrSaysWhy(bytes.subarray(0, length));
      }),
      { numRuns: 50 },
    );
  });

  it('ends in fields or a reason for any bytes at all', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), readsOrSaysWhy), { numRuns: 2_000 });
  });

  it.each([
    ['a length beyond the end', [0x0a, 0x05, 0x01], 'field 1 wants 5 bytes, 1 are left'],
    ['a cut varint', [0x08, 0x80], 'a varint is cut off'],
    [
      'a varint of eleven bytes',
      [0x08, ...Array(10).fill(0x80), 0x01],
      'a varint is longer than 10 bytes',
    ],
    ['field number 0', [0x02, 0x00], 'field number 0'],
    ['wire type 6', [0x0e, 0x00], 'wire type 6 does not exist'],
    ['a group that does not end', [0x0b, 0x08, 0x01], 'group 1 does not end'],
    ['a group that ends as another', [0x0b, 0x14], 'group 2 ends out of turn'],
    ['an end without its group', [0x0c], 'a group ends that was never started'],
    ['groups within groups without end', Array(500).fill(0x0b), 'groups nest too deeply'],
  ])('says what is wrong with %s', (_what, bytes, reason) => {
    expect(() => readAll(Uint8Array.from(bytes))).toThrow(reason);
  });
});

describe('editing fields', () => {
  it('answers the very same buffer when nothing changes', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const bytes = join(message);
        expect(editFields(bytes, () => 'keep')).toBe(bytes);
      }),
    );
  });

  it('leaves every other field’s bytes when it replaces, drops and appends', () => {
    const made = encodeField(inner, encodeString('new'));
    fc.assert(
      fc.property(anyMessage, fc.nat(20), fc.nat(20), (message, replaced, dropped) => {
        const bytes = join(message);
        const edited = editFields(
          bytes,
          ({ number }) => (number === replaced ? [made] : number === dropped ? 'drop' : 'keep'),
          [made],
        );
        const expected = message.flatMap(({ number, bytes: field }) =>
          number === replaced ? [made] : number === dropped ? [] : [field],
        );
        expect(Buffer.compare(edited, Buffer.concat([...expected, made]))).toBe(0);
      }),
    );
  });

  it('does the same when done twice as when done once', () => {
    const made = encodeField(inner, encodeString('new'));
    const edit = (bytes: Uint8Array) =>
      editFields(bytes, ({ number }) => (number === inner.number ? [made] : 'keep'));
    fc.assert(
      fc.property(anyMessage, (message) => {
        const once = edit(join(message));
        expect(Buffer.compare(edit(once), once)).toBe(0);
      }),
    );
  });

  it('shares what a nested edit did not touch, up to the outermost message', () => {
    const message = encodeField(outer, encodeField(inner, encodeString('a')));
    const same = mapFields(message, outer, (value) => mapFields(value, inner, (text) => text));
    expect(same).toBe(message);
    const changed = mapFields(message, outer, (value) =>
      mapFields(value, inner, () => encodeString('bb')),
    );
    expect(changed).toEqual(encodeField(outer, encodeField(inner, encodeString('bb'))));
    expect(mapFields(message, outer, () => undefined)).toEqual(new Uint8Array());
  });

  it('names the path and the offset of a malformed field within', () => {
    const good = encodeField(outer, encodeField(inner, encodeString('ok')));
    const bad = encodeField(outer, Uint8Array.from([0x10, 0x01, 0x0a, 0x09, 0x00]));
    const message = Buffer.concat([good, bad]);
    const read = () =>
      mapFields(message, outer, (value) => mapFields(value, inner, (text) => text));
    expect(read).toThrow('inner[1] at byte 10: field 1 wants 9 bytes, 1 are left');
    const wrongType = Uint8Array.from([0x18, 0x01]);
    expect(() => mapFields(wrongType, outer, (value) => value)).toThrow(
      'inner (field 3 of Outer) is length-delimited, but came with wire type 0',
    );
  });

  it('refuses to choose where decoders would merge', () => {
    const twice = Buffer.concat([
      encodeField(inner, encodeString('a')),
      encodeField(inner, encodeString('b')),
    ]);
    expect(() => expectAtMostOne(twice, inner)).toThrow('Inner has text more than once');
    expect(() => expectAtMostOne(twice.subarray(0, 3), inner)).not.toThrow();
  });
});

it('encodes lengths of every size', () => {
  for (const size of [0, 127, 128, 16_383, 16_384, 2_097_152]) {
    const reader = new FieldReader(encodeField(outer, new Uint8Array(size)));
    expect(reader.next()).toBe(true);
    expect([reader.number, reader.wireType]).toEqual([3, wireTypes.lengthDelimited]);
    expect(reader.value()).toHaveLength(size);
    expect(reader.next()).toBe(false);
  }
});
