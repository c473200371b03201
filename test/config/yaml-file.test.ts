import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import { formatProblem, parseYaml } from '../../src/config/yaml-file.ts';
import { stateSchema } from '../../src/state/state-file.ts';

function problems(text: string, schema: z.ZodType = configSchema): string[] {
  const parsed = parseYaml('f.yaml', text, schema);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

describe('the place of a problem', () => {
  it.each([
    ['behind comments and blank lines', '# one\n\nmodee: x', 'f.yaml:3:1: modee: '],
    ['in a file with Windows line ends', 'mode: apply\r\nlog:\r\n  level: x\r\n', 'f.yaml:3:10: '],
    ['behind characters of several bytes', 'metrics: { # größe\n  prefix: é-ö }', 'f.yaml:2:11: '],
    ['in a quoted key', '"modee": x', 'f.yaml:1:1: modee: '],
    ['in JSON', '{\n  "grpc": {"address": 5}\n}', 'f.yaml:2:23: grpc.address: '],
  ])('%s is exact', (_name, text, place) => {
    expect(problems(text)[0]).toMatch(new RegExp(`^${place.replaceAll('.', '\\.')}`));
  });

  it('in what an alias stands for is the alias, where it is used', () => {
    const found = problems('grpc: &a {address: 5}\nhttp: *a');
    expect(found).toEqual([
      expect.stringMatching(/^f\.yaml:1:20: grpc\.address: /),
      expect.stringMatching(/^f\.yaml:2:7: http\.address: /),
    ]);
  });

  it('inside a list is its index', () => {
    const found = problems(
      'connectors:\n  - {name: a, online: false}\n  - name: b\n    online: 1\n',
      stateSchema,
    );
    expect(found).toEqual([expect.stringMatching(/^f\.yaml:4:13: connectors\[1\]\.online: /)]);
  });

  it('of a missing field is its section', () => {
    const found = problems('connectors:\n  - online: false\n', stateSchema);
    expect(found).toEqual([expect.stringMatching(/^f\.yaml:2:5: connectors\[0\]\.name: /)]);
  });
});

describe('an unknown field', () => {
  it('gets the nearest name, inside lists too', () => {
    const text = 'connectors: [{name: a, online: false, routes: [{kind: HTTPRoute, nam: x}]}]';
    expect(problems(text, stateSchema)).toContain(
      'f.yaml:1:66: connectors[0].routes[0].nam: there is no field nam here; did you mean name?',
    );
  });

  it('gets the list of names where none is near', () => {
    expect(problems('state: {file: {zzzzzzzzz: 1}}')).toEqual([
      'f.yaml:1:16: state.file.zzzzzzzzz: there is no field zzzzzzzzz here; valid here: path',
    ]);
  });

  it('is told once each', () => {
    expect(problems('aaa: 1\nbbb: 2\n')).toHaveLength(2);
  });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'may be called %s without harm',
    (key) => {
      expect(problems(`${key}: {mode: shadow}`)).toEqual([
        expect.stringMatching(`^f\\.yaml:1:1: ${key}: there is no field ${key} here`),
      ]);
    },
  );
});

describe('a file with nothing in it', () => {
  it.each(['', '\n\n', '# only a comment\n', '---\n', '{}', 'null', '~'])('%j is {}', (text) => {
    expect(parseYaml('f.yaml', text, z.strictObject({}))).toMatchObject({ ok: true, value: {} });
  });
});

describe('what is not YAML, or too much of it', () => {
  it.each([
    ['a tab as indentation', 'grpc:\n\taddress: x', /^f\.yaml:2:1: /],
    ['an open quote', 'mode: "apply', /^f\.yaml:1:\d+: /],
    [
      'two documents',
      'mode: apply\n---\nmode: shadow\n',
      /^f\.yaml:2:1: a second document begins here; one is read/,
    ],
    ['a duplicate key', 'log: {}\nmode: apply\nlog: {}', /^f\.yaml:3:1: Map keys must be unique/],
    ['a nested duplicate key', 'log: {level: info, level: warn}', /^f\.yaml:1:20: Map keys/],
    ['an alias without an anchor', 'mode: *none', /^f\.yaml:1:\d+: /],
  ])('%s is refused with its place', (_name, text, expected) => {
    expect(problems(text)[0]).toMatch(expected);
  });

  it('an alias bomb is refused at once, not expanded', () => {
    const levels = Array.from({ length: 30 }, (_, level) => {
      const value = level === 0 ? 'x' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array(9).fill(value).join(', ')}]`;
    });
    const started = performance.now();
    expect(problems(levels.join('\n'))).toEqual([
      expect.stringMatching(/^f\.yaml:1:1: Excessive alias count/),
    ]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('a list of a thousand mistakes is told in a screenful, and says that there are more', () => {
    const text = Array.from({ length: 1_000 }, (_, index) => `wrong${index}: 1`).join('\n');
    const found = problems(text);
    expect(found.length).toBeLessThanOrEqual(20);
    expect(found.at(-1)).toMatch(/\(and \d+ problems more\)$/);
  });
});
