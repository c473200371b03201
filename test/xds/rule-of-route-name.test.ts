import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRouteName } from '../../src/xds/names.ts';
import { ruleOfRouteName } from '../../src/xds/rule-of-route-name.ts';
import { decodeString } from '../../src/xds/text.ts';

/** Of a name between other bytes, which it must not look at. */
function ruleOf(name: Uint8Array): number | undefined {
  const rules = behind.map((after) => {
    const bytes = Buffer.concat([Buffer.from('x'), name, Buffer.from(after)]);
    return ruleOfRouteName(bytes, 1, 1 + name.length);
  });
  expect(new Set(rules).size).toBe(1);
  return rules[0];
}
const behind = ['', '7/match/0', '/match/0', 'e/1/match/0', 'h/0', '0', 'x'];

function expectSame(name: Uint8Array): void {
  expect(ruleOf(name)).toBe(parseRouteName(decodeString(name))?.rule);
}

const parts = fc.constantFrom(
  ...['httproute', 'route', 'xroute', 'httpRoute', 'rule', 'match', 'default', 'a.b', ''],
  ...['0', '12', '-1', '-', '007', '1x', '*', 'é', '\n'],
);
const slashed = fc.array(parts, { maxLength: 9 }).map((all) => all.join('/'));
const nearly = fc
  .tuple(parts, parts, parts, parts, parts, parts, parts, fc.constantFrom('', '/', '/x', 'x', '//'))
  .map(([kind, namespace, name, rule, index, match, number, rest]) =>
    [kind, namespace, name, rule, index, match, number].join('/').concat(rest),
  );
const usual = fc
  .tuple(parts, parts, parts, fc.nat(), fc.integer(), fc.constantFrom('', '/', '/x/y', 'x'))
  .map(([kind, namespace, name, rule, match, rest]) => {
    return `${kind}/${namespace}/${name}/rule/${rule}/match/${match}${rest}`;
  });

describe("the rule in a route's name", () => {
  it('is the one that a reading of the name as text tells', () => {
    expect(ruleOf(Buffer.from('httproute/default/berlin/rule/12/match/0/a_com'))).toBe(12);
    expect(ruleOf(Buffer.from('grpcroute/default/berlin/rule/0/match/-1'))).toBe(0);
    const names = fc.oneof(slashed, nearly, usual, fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(names, (name) => {
        expectSame(Buffer.from(name));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is the same with any byte in the name, and wherever the name ends', () => {
    const name = Buffer.from('httproute/default/berlin/rule/12/match/-1/a');
    for (let end = 0; end <= name.length; end++) expectSame(name.subarray(0, end));
    for (let at = 0; at < name.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(name);
        changed[at] = byte;
        expectSame(changed);
      }
    }
  });

  it('is not told of a number that is no longer precise', () => {
    const name = (digits: number) => `httproute/a/b/rule/${'9'.repeat(digits)}/match/0`;
    expectSame(Buffer.from(name(15)));
    expect(ruleOf(Buffer.from(name(16)))).toBeUndefined();
  });
});
