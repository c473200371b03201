import { readFileSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';
// @ts-expect-error: a script of the build has no types
import { keepConstants } from '../../scripts/keep-constants.mjs';

const inBundle = (...lines: readonly string[]) =>
  ['(function (require) {', ...lines, '})'].join('\n');
const kept = (...lines: readonly string[]): string => keepConstants(inBundle(...lines));

it('makes what is given a value once, where it is declared, a constant, and moves nothing behind its name', () => {
  expect(kept('var one = 1;', 'var Two = class {', '};', 'var three = () => one;')).toBe(
    inBundle('const one=1;', 'const Two=class {', '};', 'const three=() => one;'),
  );
});

it.each([
  ['is assigned', 'one = 2;'],
  ['is assigned by an operator', 'one ^= 2;'],
  ['counts', '{ one++; }'],
  ['is assigned in a function', 'function f() { one = 2; }'],
  ['is assigned in a pattern', '[{ a: one }] = [];'],
  ['is assigned in a pattern with a default', '({ one = 3 } = {});'],
  ['is what a loop goes over', 'for (one of []) { }'],
  ['is the key of a loop', 'for (one in {}) { }'],
])('leaves a variable that %s', (_, line) => {
  expect(kept('var one = 1;', line)).toBe(inBundle('var one = 1;', line));
});

it('leaves what has no value yet, what is taken apart, and what is another function’s', () => {
  const lines = ['var later;', 'var [first] = [1];', 'function f() {', '  var own = 1;', '}'];
  expect(kept(...lines)).toBe(inBundle(...lines));
});

it('does not declare twice what a block declares again', () => {
  expect(() => kept('var one = 1;', '{ var one; }')).toThrow(SyntaxError);
});

it('has what a call is made of as constants in the built program: no module of it waits to be loaded', () => {
  const program = readFileSync('dist/program.js', 'latin1');
  const waiting = [...program.matchAll(/^ {2}"(src\/[^"]*)"\(\) \{$/gm)].map(([, file]) => file);
  expect(waiting).toEqual([
    'src/errors.ts',
    'src/state/kubernetes/token-file.ts',
    'src/state/kubernetes/kube-config.ts',
    'src/observe/open-telemetry.ts',
  ]);
  expect(program).toContain('\nconst FieldReader=class');
  expect(program).toContain('\nconst wireTypes={');
});

it('has no package as a whole: of one that is imported when asked for nothing can be left out', () => {
  expect(statSync('dist/program.js').size).toBeLessThan(6_000_000);
});
