import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import { stateSchema } from '../../src/state/state-file.ts';

const top = join(import.meta.dirname, '..', '..');

describe('the JSON schemas for editors', () => {
  it.each([
    ['offramp-configuration', 'OfframpConfiguration', configSchema],
    ['connectors', 'State file of Offramp', stateSchema],
  ] as const)('%s is what the code accepts', async (name, title, schema) => {
    const json = { title, ...z.toJSONSchema(schema, { io: 'input' }) };
    const path = join(top, 'schemas', `${name}.schema.json`);
    await expect(`${JSON.stringify(json, null, 2)}\n`).toMatchFileSnapshot(path);
  });

  it.each([
    ['examples/offramp.yaml', 'offramp-configuration'],
    ['examples/connectors.yaml', 'connectors'],
    ['examples/demo/connectors.yaml', 'connectors'],
  ])('%s names its schema', (example, name) => {
    const path = join(top, example);
    const [, schema = ''] = /\$schema=(\S+)/.exec(readFileSync(path, 'utf8')) ?? [];
    expect(schema).toContain(`${name}.schema.json`);
    expect(existsSync(resolve(dirname(path), schema))).toBe(true);
  });
});
