import { expect, it } from 'vitest';
import { parseGoDuration } from '../../src/config/go-duration.ts';

it.each([
  ['100ms', 0.1],
  ['1s', 1],
  ['1m30s', 90],
  ['1.5h', 5400],
  ['.5s', 0.5],
  ['2.s', 2],
  ['0', 0],
  ['-2s', -2],
  ['+3s', 3],
  ['1h0m0.5s', 3600.5],
  ['3000us', 0.003],
  ['3000µs', 0.003], // micro sign
  ['3000μs', 0.003], // Greek letter
])('%s is that many seconds', (text, seconds) => {
  expect(parseGoDuration(text)).toBeCloseTo(seconds, 9);
});

it.each(['', '1', '1 s', 'soon', '1d', 's', '1s2', '--1s', '1e3s'])('%j is none', (text) => {
  expect(parseGoDuration(text)).toBeUndefined();
});
