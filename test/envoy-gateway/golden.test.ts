import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { formatStatements } from '../../src/commands/check-output.ts';
import { configSchema } from '../../src/config/schema.ts';
import { levels } from '../../src/envoy-gateway/findings.ts';
import { type GoldenCase, goldenCases, goldenFolder } from './golden-cases.ts';

const cases = goldenCases();

describe.each(cases)('$name', ({ name, check }: GoldenCase) => {
  it('gets its findings', async () => {
    const text = formatStatements(check(), 'text');
    await expect(text).toMatchFileSnapshot(join(goldenFolder, `${name}.out.txt`));
  });
});

it('has no output without its input', () => {
  const outputs = readdirSync(goldenFolder).filter((file) => file.endsWith('.out.txt'));
  const orphans = outputs.filter(
    (file) => !existsSync(join(goldenFolder, file.replace('.out.txt', '.in.yaml'))),
  );
  expect(orphans).toEqual([]);
});

it('shows every finding there is', () => {
  const said = new Set<string>(cases.flatMap(({ check }) => check().map(({ code }) => code)));
  expect(Object.keys(levels).filter((code) => !said.has(code))).toEqual([]);
});

const pasted = cases
  .filter(({ text }) => /^kind: EnvoyGateway$/m.test(text))
  .flatMap((one) =>
    one
      .check()
      .flatMap(({ code, place, yaml }): [string, string, string, GoldenCase][] =>
        yaml === undefined ? [] : [[one.name, `${code} at ${place.path}`, yaml, one]],
      ),
  );

describe('the YAML to paste', () => {
  it.each(pasted)('in %s takes away %s', (_name, finding, yaml, { text, checkWith }) => {
    const addition: unknown = parse(yaml);
    if (typeof addition === 'object' && addition !== null && 'retrigger' in addition) {
      expect(configSchema.safeParse(addition).success).toBe(true); // for Offramp's own file
      return;
    }
    const left = checkWith(stringify(paste(parse(text, { version: '1.1' }), addition)));
    expect(left.map(({ code, place }) => `${code} at ${place.path}`)).not.toContain(finding);
  });

  it('is there for many', () => {
    expect(pasted.length).toBeGreaterThan(30);
  });
});

/** What an operator makes of both: maps become one, what is there already is replaced. */
function paste(into: unknown, addition: unknown): unknown {
  if (Array.isArray(into) && Array.isArray(addition)) {
    const named = (one: unknown) => addition.find((other) => nameOf(other) === nameOf(one));
    const known = into.some((one) => nameOf(one) !== undefined && named(one) !== undefined);
    return known ? into.map((one) => paste(one, named(one) ?? one)) : addition;
  }
  if (!isRecord(into) || !isRecord(addition)) return addition;
  const merged: Record<string, unknown> = { ...into };
  for (const [key, value] of Object.entries(addition)) {
    // One server is called instead of another.
    merged[key] = key === 'service' ? value : paste(into[key], value);
  }
  return merged;
}

function nameOf(value: unknown): unknown {
  return isRecord(value) ? value.name : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
