/** The hash of all names that are not ASCII: their bytes do not tell what they decode to. */
export const notAscii = -1;

const offsetBasis = 0x811c9dc5 | 0;
const prime = 0x01000193;

/**
 * A number that is equal for bytes that decode to the same name, and seldom for others (FNV-1a). By it
 * a name is looked for without making a string of the bytes.
 */
export function hashName(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let hash = offsetBasis;
  let all = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    all |= byte;
    hash = Math.imul(hash ^ byte, prime);
  }
  return all < 0x80 ? hash : notAscii;
}

/** The hash of a name that is a string already. */
export function hashText(name: string): number {
  let hash = offsetBasis;
  let all = 0;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    all |= code;
    hash = Math.imul(hash ^ code, prime);
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
