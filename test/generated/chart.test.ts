import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { chartValuesSchema } from './chart-values.ts';

const top = join(import.meta.dirname, '..', '..');
const chart = join(top, 'deploy', 'helm', 'offramp');
const valuesText = readFileSync(join(chart, 'values.yaml'), 'utf8');
const valueObjects = z.record(z.string(), z.unknown());
const values = valueObjects.parse(parse(valuesText));

describe('the Helm chart', () => {
  it('has the version of the package, as has the image', () => {
    const { version } = z.looseObject({ version: z.string() }).parse(readJson('package.json'));
    const described: unknown = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'));
    expect(described).toMatchObject({ version, appVersion: version });
  });

  it('values.schema.json knows every value and every option of Offramp', async () => {
    const schema = z.toJSONSchema(chartValuesSchema, { io: 'input' });
    const path = join(chart, 'values.schema.json');
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(path);
  });

  it('values.yaml has every value with its default, and says what it means', () => {
    const known = Object.keys(chartValuesSchema.shape).filter((name) => name !== 'global');
    expect(Object.keys(values)).toEqual(known);
    const explained = explainedValues().map(({ path }) => path);
    const unexplained = known.flatMap((name) =>
      explained.includes(name) ? [] : Object.keys(valueAt(name)).map((key) => `${name}.${key}`),
    );
    expect(unexplained.filter((path) => !explained.includes(path))).toEqual([]);
  });

  it('its README has a row for each value', async () => {
    const path = join(chart, 'README.md');
    const rows = explainedValues().map(
      ({ path: name, meaning }) => `| \`${name}\` | ${fallback(name)} | ${meaning} |`,
    );
    const table = ['| Value | Default | Meaning |', '| --- | --- | --- |', ...rows, ''].join('\n');
    const page = readFileSync(path, 'utf8');
    expect(page).toMatch(valuesTable);
    await expect(page.replace(valuesTable, () => table)).toMatchFileSnapshot(path);
  });
});

const valuesTable = /^\| Value [^\n]*\n(\|[^\n]*\n)+/m;

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(top, file), 'utf8'));
}

interface ExplainedValue {
  readonly path: string;
  readonly meaning: string;
}

/** The values with a comment that starts with `--`, as far as values.yaml is nested by two spaces. */
function explainedValues(): ExplainedValue[] {
  const found: ExplainedValue[] = [];
  const path: string[] = [];
  let meaning: string | undefined;
  for (const line of valuesText.split('\n')) {
    const [, start = '', more = ''] = /^ *# (-- )?(.*)$/.exec(line) ?? [];
    const [, indent = '', key] = /^( *)([A-Za-z]+):/.exec(line) ?? [];
    if (start !== '') meaning = more;
    else if (more !== '' && meaning !== undefined) meaning = `${meaning} ${more}`;
    else if (key !== undefined) {
      path.splice(indent.length / 2, path.length, key);
      if (meaning !== undefined) found.push({ path: path.join('.'), meaning });
      meaning = undefined;
    }
  }
  return found;
}

function fallback(path: string): string {
  const value = path.split('.').reduce<unknown>((at, key) => valueObjects.parse(at)[key], values);
  const inRow = JSON.stringify(value).replaceAll('|', '\\|');
  return value === '' ? '' : `\`${inRow}\``;
}

function valueAt(name: string): object {
  return valueObjects.parse(values[name]);
}
