import { encodeField, encodeString } from './encoding.ts';
import { FieldReader, viewOf } from './field-reader.ts';

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Whether a string's bytes end with this text, which is ASCII. */
export function endsWithText(bytes: Uint8Array, text: string): boolean {
  const from = bytes.length - text.length;
  return from >= 0 && new FieldReader(bytes, from).isText(text);
}

/** UTF-8 bytes as text; invalid sequences become U+FFFD, so they equal no name. */
export function decodeString(bytes: Uint8Array): string {
  return textDecoder.decode(bytes);
}

/** For texts that are short, as names are. */
const shortText = Buffer.alloc(256);

/** A part of a message as text, if it is ASCII and not long: without a view. Undefined for any other. */
export function asciiOf(message: Uint8Array, from: number, to: number): string | undefined {
  const length = to - from;
  if (length > shortText.length) return undefined;
  let all = 0;
  for (let at = 0; at < length; at++) {
    const byte = message[from + at] ?? 0;
    all |= byte;
    shortText[at] = byte;
  }
  return all < 0x80 ? shortText.toString('latin1', 0, length) : undefined;
}

/** A part of a message as text; of short ASCII, as names are, without a view. */
export function textOf(message: Uint8Array, from: number, to: number): string {
  if (from === to) return '';
  return asciiOf(message, from, to) ?? decodeString(viewOf(message, from, to));
}

/** Whether these bytes are at an offset of a message. */
export function hasBytesAt(message: Uint8Array, from: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (message[from + at] !== bytes[at]) return false;
  return true;
}

/** Whether a field with exactly this text occurs anywhere in a message, at whatever depth. */
export function hasText(message: Uint8Array, text: string): boolean {
  return textFinder(text)(message);
}

/** The same for many messages. */
export function textFinder(text: string): (message: Uint8Array) => boolean {
  const field = encodeField({ message: '', name: '', number: 1 }, encodeString(text));
  const lengthAndText = Buffer.from(field.buffer, field.byteOffset + 1, field.length - 1);
  return ({ buffer, byteOffset, length }) =>
    Buffer.from(buffer, byteOffset, length).includes(lengthAndText);
}
