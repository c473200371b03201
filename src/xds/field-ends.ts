import { wireTypes } from './field-reader.ts';

/**
 * Where the field ends that begins at an offset of a message; -1 when it does not end `limit` at the latest,
 * or is encoded in a way that hardly any is: such a message has to be walked by a `FieldReader`, which also
 * tells what is wrong. Usual are tags of at most two bytes, in their shortest form, lengths of at most three
 * bytes, varints of at most five, and no groups. Nothing is kept of the message, and nothing is made.
 */
export function endOfField(message: Uint8Array, at: number, limit: number): number {
  const tag = message[at] ?? 0;
  let next = at + 1;
  if (tag >= 0x80) {
    const high = message[next++] ?? 0;
    if (high === 0 || high >= 0x80) return -1;
  } else if (tag < 8) return -1;
  let end = -1;
  switch (tag & 7) {
    case 2:
      end = endOfValue(message, next);
      break;
    case 0:
      end = endOfVarint(message, next);
      break;
    case 1:
      end = next + 8;
      break;
    case 5:
      end = next + 4;
  }
  return end <= limit ? end : -1;
}

/** Where the value ends whose length is here; -1 when that has more than three bytes. */
function endOfValue(message: Uint8Array, at: number): number {
  const low = message[at] ?? 0x80;
  if (low < 0x80) return at + 1 + low;
  const middle = message[at + 1] ?? 0x80;
  if (middle < 0x80) return at + 2 + (low & 0x7f) + middle * 0x80;
  const high = message[at + 2] ?? 0x80;
  if (high >= 0x80) return -1;
  return at + 3 + (low & 0x7f) + (middle & 0x7f) * 0x80 + high * 0x4000;
}

const longestVarint = 5;

function endOfVarint(message: Uint8Array, from: number): number {
  for (let at = from; at < from + longestVarint; at++) {
    if ((message[at] ?? 0x80) < 0x80) return at + 1;
  }
  return -1;
}

/** Whether the field is length-delimited that begins here. */
export function isLengthDelimited(message: Uint8Array, at: number): boolean {
  return ((message[at] ?? 0) & 7) === wireTypes.lengthDelimited;
}

/** The tag of the field that begins here, whose end `endOfField` told. */
export function tagAt(message: Uint8Array, at: number): number {
  const low = message[at] ?? 0;
  return low < 0x80 ? low : (low & 0x7f) + (message[at + 1] ?? 0) * 0x80;
}

/** Where the value begins of the length-delimited field that begins here, whose end `endOfField` told. */
export function startOfValue(message: Uint8Array, at: number): number {
  const length = (message[at] ?? 0) < 0x80 ? at + 1 : at + 2;
  if ((message[length] ?? 0) < 0x80) return length + 1;
  return (message[length + 1] ?? 0) < 0x80 ? length + 2 : length + 3;
}

/** The value of the varint field that begins here, whose end `endOfField` told. */
export function varintOfField(message: Uint8Array, at: number, end: number): number {
  const from = (message[at] ?? 0) < 0x80 ? at + 1 : at + 2;
  let value = 0;
  for (let next = end - 1; next >= from; next--)
    value = value * 0x80 + ((message[next] ?? 0) & 0x7f);
  return value;
}
