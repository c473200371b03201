import { expect, test } from 'vitest';
import { addressesMeet } from '../../src/config/addresses.ts';

test.each([
  ['127.0.0.1:80', '127.0.0.1:80', true],
  ['0.0.0.0:80', '127.0.0.1:80', true],
  ['[::]:80', '127.0.0.1:80', true],
  ['[::]:80', 'localhost:80', true],
  ['[::1]:80', '[::]:80', true],
  ['0.0.0.0:80', '[::]:80', true],
  ['0.0.0.0:80', '[::1]:80', false],
  ['0.0.0.0:80', 'localhost:80', false],
  ['127.0.0.1:80', '127.0.0.1:81', false],
  ['127.0.0.1:80', '[::1]:80', false],
  ['0.0.0.0:0', '0.0.0.0:0', false],
  ['unix:80', '0.0.0.0:80', false],
])('servers at %s and %s want one port: %s', (one, other, expected) => {
  expect(addressesMeet(one, other)).toBe(expected);
  expect(addressesMeet(other, one)).toBe(expected);
});
