import { encodeString } from './encoding.ts';
import { hasBytesAt } from './text.ts';

const slash = 0x2f;
const minus = 0x2d;
const beforeRule = encodeString('/rule/');
const beforeMatch = encodeString('/match/');
const kindEnding = encodeString('route');

/** As many as a number holds precisely. */
const maxDigits = 15;

/**
 * The index of the rule in a route's name, which lies in a message `from` one offset `to` another: as
 * `parseRouteName` finds it, without a string of the name. Undefined for other names, and for a rule of
 * more than 15 digits.
 */
export function ruleOfRouteName(bytes: Uint8Array, from: number, to: number): number | undefined {
  const kindTo = segmentEnd(bytes, from, to);
  const namespaceTo = segmentEnd(bytes, kindTo + 1, to);
  const nameTo = segmentEnd(bytes, namespaceTo + 1, to);
  if (namespaceTo === kindTo + 1 || nameTo === namespaceTo + 1) return undefined;
  const ruleFrom = nameTo + beforeRule.length;
  const ruleTo = digitsEnd(bytes, ruleFrom, to);
  const isRoute = isRouteKind(bytes, from, kindTo) && hasBytesAt(bytes, nameTo, beforeRule);
  if (!isRoute || ruleTo === ruleFrom || ruleTo - ruleFrom > maxDigits) return undefined;
  return isMatch(bytes, ruleTo, to) ? numberAt(bytes, ruleFrom, ruleTo) : undefined;
}

/** Where a part of a name ends, that no slash is in. */
function segmentEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== slash) at++;
  return at;
}

function digitsEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isDigit(bytes[at] ?? 0)) at++;
  return at;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Small letters, `route` at their end and at least one in front of it. */
function isRouteKind(bytes: Uint8Array, from: number, to: number): boolean {
  const endingFrom = to - kindEnding.length;
  for (let at = from; at < endingFrom; at++) {
    const code = bytes[at] ?? 0;
    if (code < 0x61 || code > 0x7a) return false;
  }
  return endingFrom > from && hasBytesAt(bytes, endingFrom, kindEnding);
}

/** Whether `/match/<number>` is here, and then the name’s end or a slash. */
function isMatch(bytes: Uint8Array, from: number, to: number): boolean {
  if (!hasBytesAt(bytes, from, beforeMatch)) return false;
  const signAt = from + beforeMatch.length;
  const matchFrom = bytes[signAt] === minus ? signAt + 1 : signAt;
  const matchTo = digitsEnd(bytes, matchFrom, to);
  return matchTo > matchFrom && (matchTo === to || bytes[matchTo] === slash);
}

/** The number that these digits are. */
function numberAt(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) number = number * 10 + ((bytes[at] ?? 0) - 0x30);
  return number;
}
