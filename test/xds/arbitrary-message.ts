import fc from 'fast-check';

/** One field of a made-up message, next to what it says: bytes and meaning are kept apart. */
export interface MadeField {
  readonly number: number;
  readonly wireType: 0 | 1 | 2 | 3 | 5;
  /** The whole field: tag, length where there is one, value. */
  readonly bytes: Uint8Array;
  /** What a reader should see as value; of a varint the encoded bytes, of a group also its end tag. */
  readonly value: Uint8Array;
  /** The number that a varint field holds. */
  readonly varint?: bigint;
}

/** A valid protobuf message, fields in any order. */
export interface MadeMessage {
  readonly fields: readonly MadeField[];
  readonly bytes: Uint8Array;
}

/** A varint of the given value in `size` bytes, or in as many as it needs: overlong ones are legal. */
export function encodeVarint(value: bigint, size = 1): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push(Number(left & 0x7fn));
    left >>= 7n;
  } while (left > 0n);
  while (bytes.length < size) bytes.push(0);
  return Uint8Array.from(bytes, (byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte));
}

/** The tag of a field, in `size` bytes or more. */
export function encodeTag(number: number, wireType: number, size = 1): Uint8Array {
  return encodeVarint(BigInt(number) * 8n + BigInt(wireType), size);
}

/** These bytes as a length-delimited field; `lengthSize` makes the length overlong. */
export function lengthDelimited(number: number, value: Uint8Array, lengthSize = 1): Uint8Array {
  return Buffer.concat([
    encodeTag(number, 2),
    encodeVarint(BigInt(value.length), lengthSize),
    value,
  ]);
}

const number = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 2, arbitrary: fc.integer({ min: 5, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 0x1fffffff }) },
);
/** The encoding's specification wants tags in at most 5 bytes, lengths and values in at most 10. */
const tagSize = fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 5 }));
const varintSize = fc.oneof(
  { weight: 3, arbitrary: fc.constant(1) },
  fc.integer({ min: 1, max: 10 }),
);

const varintField = fc
  .tuple(number, tagSize, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), varintSize)
  .map(([number, size, varint, valueSize]): MadeField => {
    const value = encodeVarint(varint, valueSize);
    const bytes = Buffer.concat([encodeTag(number, 0, size), value]);
    return { number, wireType: 0, bytes, value, varint };
  });

function fixedField(wireType: 1 | 5, length: number): fc.Arbitrary<MadeField> {
  const content = fc.uint8Array({ minLength: length, maxLength: length });
  return fc.tuple(number, tagSize, content).map(([number, size, value]) => {
    const bytes = Buffer.concat([encodeTag(number, wireType, size), value]);
    return { number, wireType, bytes, value };
  });
}

type MadeTypes = {
  readonly field: MadeField;
  readonly lengthDelimitedField: MadeField;
  readonly group: MadeField;
  readonly message: MadeMessage;
};

const made = fc.letrec<MadeTypes>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: varintField },
    { weight: 1, arbitrary: fixedField(1, 8) },
    { weight: 1, arbitrary: fixedField(5, 4) },
    { weight: 5, arbitrary: tie('lengthDelimitedField') },
    { weight: 2, arbitrary: tie('group') },
  ),
  lengthDelimitedField: fc
    .tuple(
      number,
      tagSize,
      varintSize,
      fc.oneof(
        { depthSize: 'small' },
        fc.uint8Array({ maxLength: 12 }),
        tie('message').map(({ bytes }) => bytes),
      ),
    )
    .map(([number, size, lengthSize, value]): MadeField => {
      const length = encodeVarint(BigInt(value.length), lengthSize);
      const bytes = Buffer.concat([encodeTag(number, 2, size), length, value]);
      return { number, wireType: 2, bytes, value };
    }),
  group: fc
    .tuple(number, tagSize, tagSize, tie('message'))
    .map(([number, startSize, endSize, inner]): MadeField => {
      const value = Buffer.concat([inner.bytes, encodeTag(number, 4, endSize)]);
      const bytes = Buffer.concat([encodeTag(number, 3, startSize), value]);
      return { number, wireType: 3, bytes, value };
    }),
  message: fc.array(tie('field'), { maxLength: 8, depthIdentifier: 'message' }).map((fields) => ({
    fields,
    bytes: Buffer.concat(fields.map(({ bytes }) => bytes)),
  })),
}));

/** Valid messages: every wire type, nested groups, unknown numbers, overlong varints, any order. */
export const message: fc.Arbitrary<MadeMessage> = made.message;

/** Valid messages in which every field numbered `number` is length-delimited. */
export function messageWith(number: number): fc.Arbitrary<MadeMessage> {
  const field = made.field.filter((one) => one.number !== number || one.wireType === 2);
  const wanted = fc
    .tuple(fc.uint8Array({ maxLength: 12 }), varintSize, tagSize)
    .map(([value, lengthSize, size]): MadeField => {
      const length = encodeVarint(BigInt(value.length), lengthSize);
      const bytes = Buffer.concat([encodeTag(number, 2, size), length, value]);
      return { number, wireType: 2, bytes, value };
    });
  return fc
    .array(fc.oneof({ weight: 2, arbitrary: field }, wanted), { maxLength: 10 })
    .map((fields) => ({
      fields,
      bytes: Buffer.concat(fields.map(({ bytes }) => bytes)),
    }));
}
