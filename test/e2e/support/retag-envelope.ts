// The lists of PostTranslateModifyRequest are its fields 2 to 5, those of the response 1 to 4, in the
// same order: a tag byte is (number << 3) | 2, so the response's is smaller by 8.
const FIRST_LIST_TAG = 0x12;
const LAST_LIST_TAG = 0x2a;
const LENGTH_DELIMITED = 2;

/**
 * The PostTranslateModifyResponse that returns all lists of a request as they are; the context (field
 * 1) is dropped. Written apart from `src/` so that the tests' baseline does not share its mistakes.
 */
export function retagAsResponse(request: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let start = 0; start < request.length; ) {
    const tag = request.readUInt8(start);
    if ((tag & 7) !== LENGTH_DELIMITED) throw new Error(`testbed: unexpected tag ${tag}`);
    const { value: length, end: valueStart } = readVarint(request, start + 1);
    const end = valueStart + length;
    if (end > request.length) throw new Error('testbed: truncated hook request');
    if (tag >= FIRST_LIST_TAG && tag <= LAST_LIST_TAG) {
      parts.push(Buffer.of(tag - 8), request.subarray(start + 1, end));
    }
    start = end;
  }
  return Buffer.concat(parts);
}

function readVarint(bytes: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; ; at += 1) {
    const byte = bytes.readUInt8(at);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + 1 };
    scale *= 128;
  }
}
