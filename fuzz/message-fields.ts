import protobuf from 'protobufjs';

/** One field of an encoded message. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Tag and value. */
  readonly raw: Uint8Array;
  /** Of a length-delimited field the bytes behind its length, of any other those behind its tag. */
  readonly value: Uint8Array;
}

/**
 * The fields of a message; undefined when the bytes are none. By protobufjs, because Offramp's own
 * reader is what is being tried.
 */
export function splitMessage(bytes: Uint8Array): readonly WireField[] | undefined {
  const reader = protobuf.Reader.create(bytes);
  const fields: WireField[] = [];
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos;
      const tag = reader.uint32();
      const behindTag = reader.pos;
      const wireType = tag & 7;
      reader.skipType(wireType);
      const end = reader.pos;
      if (end > reader.len || tag < 8) return undefined;
      const value =
        wireType === 2 ? valueBehindLength(bytes, behindTag, end) : bytes.subarray(behindTag, end);
      fields.push({ number: tag >>> 3, wireType, raw: bytes.subarray(start, end), value });
    }
  } catch {
    return undefined;
  }
  return fields;
}

function valueBehindLength(bytes: Uint8Array, behindTag: number, end: number): Uint8Array {
  const reader = protobuf.Reader.create(bytes.subarray(behindTag, end));
  const length = reader.uint32();
  return bytes.subarray(end - length, end);
}

/** A whole varint, in as many bytes as it needs, or in more. */
export function encodeVarint(value: bigint, size = 1): Uint8Array {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  } while (left > 0n);
  while (bytes.length < size) bytes.push(0x80);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return Uint8Array.from(bytes);
}

/** A field of any wire type out of its value. */
export function encodeField(number: number, wireType: number, value: Uint8Array): Uint8Array {
  const tag = encodeVarint(BigInt(number) * 8n + BigInt(wireType));
  if (wireType !== 2) return Buffer.concat([tag, value]);
  return Buffer.concat([tag, encodeVarint(BigInt(value.length)), value]);
}
