import { expect, it } from 'vitest';
import { parseQuantity } from '../../src/envoy-gateway/quantity.ts';

// What k8s.io/apimachinery 0.36.3, which Envoy Gateway 1.9.0 uses, makes of each: json.Unmarshal into a
// resource.Quantity, then AsInt64.
it.each([
  ['256M', 256_000_000],
  ['256Mi', 268_435_456],
  ['268435456', 268_435_456],
  ['1.5G', 1_500_000_000],
  ['1e9', 1_000_000_000],
  ['1E9', 1_000_000_000],
  ['2.5e+08', 250_000_000],
  ['1E', 1e18],
  ['0', 0],
  ['-5M', -5_000_000],
  ['+5M', 5_000_000],
  [' 5M', 5_000_000],
  ['5k', 5_000],
  ['5Ki', 5_120],
  ['.5G', 500_000_000],
  ['5.', 5],
  ['1.5e3', 1_500],
  ['0.001G', 1_000_000],
  ['1.50M', 1_500_000],
  ['1Ti', 2 ** 40],
])('%s is a number of bytes', (text, bytes) => {
  expect(parseQuantity(text)).toEqual({ kind: 'bytes', bytes });
});

it.each([
  ...['256m', '1000m', '5n', '5000u', '0.5Gi', '1.0Mi', '1.5Mi', '1.5', '2.0', '1e-3'],
  ...['1Ei', '8Ei', '16Ei', '10E', '1e20', '9223372036854775808', '0.0000000001G'],
])('%s is a quantity of which Envoy Gateway makes no number', (text) => {
  expect(parseQuantity(text)).toEqual({ kind: 'no-integer' });
});

it.each(['256MB', '', '5 M', '5K', '5ki', '1e3Mi', '0x10', '1_000', 'true', 'much'])(
  '%j is no quantity',
  (text) => {
    expect(parseQuantity(text)).toEqual({ kind: 'invalid' });
  },
);
