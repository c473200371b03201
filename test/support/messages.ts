import fc from 'fast-check';

/** One encoded field, and how it came about. */
export interface EncodedField {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** A varint in its shortest form, or with up to `padding` bytes more, which is legal too. */
function varint(value: bigint, padding = 0): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  } while (left > 0n);
  while (bytes.length < 10 && bytes.length < padding) bytes.push(0x80);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return bytes;
}

const number = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 0x1fffffff }));
const padding = fc.constantFrom(0, 0, 0, 3, 10);

function tag(field: number, wireType: number, pad: number): number[] {
  return varint((BigInt(field) << 3n) | BigInt(wireType), Math.min(pad, 5));
}

const scalar = fc
  .tuple(number, padding, fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }))
  .map(([field, pad, value]) => ({
    number: field,
    bytes: Uint8Array.from([...tag(field, 0, pad), ...varint(value, pad)]),
  }));

const fixed = fc
  .tuple(number, fc.constantFrom(1, 5), fc.uint8Array({ minLength: 8, maxLength: 8 }))
  .map(([field, wireType, bytes]) => ({
    number: field,
    bytes: Uint8Array.from([...tag(field, wireType, 0), ...bytes.slice(wireType === 1 ? 0 : 4)]),
  }));

const text = fc
  .tuple(number, padding, fc.uint8Array({ maxLength: 40 }))
  .map(([field, pad, value]) => ({
    number: field,
    bytes: Uint8Array.from([...tag(field, 2, pad), ...varint(BigInt(value.length), pad), ...value]),
  }));

const { field } = fc.letrec<{ field: EncodedField; group: EncodedField }>((tie) => ({
  field: fc.oneof({ maxDepth: 3 }, scalar, fixed, text, tie('group')),
  group: fc.tuple(number, fc.array(tie('field'), { maxLength: 3 })).map(([of, inner]) => ({
    number: of,
    bytes: Uint8Array.from([
      ...tag(of, 3, 0),
      ...inner.flatMap(({ bytes }) => [...bytes]),
      ...tag(of, 4, 0),
    ]),
  })),
}));

/** Any legal message, as its fields: every wire type, nested groups, overlong varints, any order. */
export const anyMessage: fc.Arbitrary<readonly EncodedField[]> = fc.array(field, { maxLength: 12 });

/** The fields one after the other. */
export function join(message: readonly EncodedField[]): Uint8Array {
  return Uint8Array.from(message.flatMap(({ bytes }) => [...bytes]));
}
