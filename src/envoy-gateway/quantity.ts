/**
 * A size as Envoy Gateway takes it. invalid: it is no Kubernetes quantity. no-integer: it is one, but
 * not of a form that Envoy Gateway can turn into a number of bytes.
 */
export type Quantity =
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'no-integer' };

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?([a-zA-Z]*)([+-]?\d*)$/;

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Readonly<Record<string, number>> = {
  Ki: 10,
  Mi: 20,
  Gi: 30,
  Ti: 40,
  Pi: 50,
  Ei: 60,
};

const maxInt64 = 2n ** 63n - 1n;

/**
 * Reads a Kubernetes quantity as k8s.io/apimachinery does, with its limits: nothing may be left behind
 * the point, with a binary suffix no point is allowed at all, and long numbers are given up.
 */
export function parseQuantity(value: string): Quantity {
  const [, sign, digits = '', fraction = '', suffix = '', power = ''] =
    pattern.exec(value.trim()) ?? [];
  if (digits + fraction === '') return { kind: 'invalid' };
  const integer = digits.replace(/^0+(?=\d)/, '');
  const length = integer.length + fraction.length;
  const factor = sign === '-' ? -1n : 1n;
  const binary = power === '' ? binaryExponents[suffix] : undefined;
  if (binary !== undefined) {
    const isExact = fraction === '' && length + Math.trunc((binary * 3) / 10) <= 14;
    if (!isExact) return { kind: 'no-integer' };
    return asBytes(factor * BigInt(integer) * 2n ** BigInt(binary));
  }
  const exponent = decimalExponent(suffix, power);
  if (exponent === undefined) return { kind: 'invalid' };
  const zeros = exponent - fraction.length;
  if (zeros < 0 || zeros > 18 || length > 18) return { kind: 'no-integer' };
  return asBytes(factor * BigInt(integer + fraction) * 10n ** BigInt(zeros));
}

function decimalExponent(suffix: string, power: string): number | undefined {
  if (power === '') return decimalExponents[suffix];
  return suffix === 'e' || suffix === 'E' ? Number(power) : undefined;
}

function asBytes(bytes: bigint): Quantity {
  return bytes > maxInt64 ? { kind: 'no-integer' } : { kind: 'bytes', bytes: Number(bytes) };
}
