/** The hash of all names that are not ASCII: their bytes do not tell what they decode to. */
export const notAscii = -1;

const start = 0x811c9dc5 | 0;
const prime = 0x01000193;

const prime2 = Math.imul(prime, prime);
const prime3 = Math.imul(prime2, prime);
const prime4 = Math.imul(prime3, prime);

/**
 * A number that is equal for bytes that decode to the same name, and seldom for others: a polynomial in
 * them. By it a name is looked for without making a string of the bytes. Four of them at a time, as one
 * byte alone would wait for the one before it.
 */
export function hashName(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let hash = start;
  let all = 0;
  let at = from;
  for (; at < to - 3; at += 4) {
    const a = bytes[at] ?? 0;
    const b = bytes[at + 1] ?? 0;
    const c = bytes[at + 2] ?? 0;
    const d = bytes[at + 3] ?? 0;
    all |= a | b | c | d;
    const four = Math.imul(a, prime3) + Math.imul(b, prime2) + Math.imul(c, prime) + d;
    hash = (Math.imul(hash, prime4) + four) | 0;
  }
  for (; at < to; at++) {
    const byte = bytes[at] ?? 0;
    all |= byte;
    hash = (Math.imul(hash, prime) + byte) | 0;
  }
  return all < 0x80 ? hash : notAscii;
}

/** The hash of a name that is a string already. */
export function hashText(name: string): number {
  let hash = start;
  let all = 0;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    all |= code;
    hash = (Math.imul(hash, prime) + code) | 0;
  }
  return all < 0x80 ? hash : notAscii;
}

/** The hash of an object, from that of its namespace and that of its name. */
export function hashObject(namespace: number, name: number): number {
  return Math.imul(namespace, prime) ^ name;
}

/** The hash of a rule of an object, from that of the object or of its name. */
export function hashRule(object: number, rule: number): number {
  return Math.imul(object, prime) ^ rule;
}
