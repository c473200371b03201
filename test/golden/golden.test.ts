import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import {
  confirmFilterLua,
  fallbackFilterLua,
  rememberedMatcherLua,
} from '../../src/rewrites/control-plane-fallback/lua-sources.ts';
import { rewriteSnapshot, type State } from '../../src/rewrites/pipeline.ts';
import { parseStateFile, stateOf } from '../../src/state/state-file.ts';
import { encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { decodeSnapshot, encodeRequest, requestFromResponse } from '../support/xds.ts';

const resources = z.array(z.looseObject({})).optional();
const inputSchema = z.strictObject({
  /** What the pair shows, in a sentence. */
  shows: z.string(),
  /** As in a state file. */
  state: z.unknown(),
  /** As in the configuration file. */
  config: configSchema.prefault({}),
  /** Leaves out what Envoy's YAML tools use for repetition. */
  shared: z.unknown().optional(),
  snapshot: z.strictObject({
    clusters: resources,
    secrets: resources,
    listeners: resources,
    routes: resources,
  }),
});

const folder = import.meta.dirname;
const rewrites = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());

describe.each(rewrites.map(({ name }) => name))('%s', (rewrite) => {
  const files = readdirSync(join(folder, rewrite)).filter((name) => name.endsWith('.in.yaml'));

  it.each(files.map((name) => name.replace('.in.yaml', '')))('%s', async (behaviour) => {
    const path = join(folder, rewrite, behaviour);
    const text = readFileSync(`${path}.in.yaml`, 'utf8');
    const input = inputSchema.parse(parse(text, { merge: true }));
    const state = readState(input.state);
    const settings = input.config;
    const request = encodeRequest(definedLists(input.snapshot));

    const { snapshot, report } = rewriteSnapshot(readSnapshot(request), state, settings);

    const output = { report, snapshot: nameLua(decodeSnapshot(snapshot)) };
    const yaml = stringify(output, { aliasDuplicateObjects: false, lineWidth: 0 });
    await expect(yaml).toMatchFileSnapshot(`${path}.out.yaml`);

    const published = encodeResponse(snapshot);
    const again = rewriteSnapshot(requestFromResponse(published), state, settings);
    expect(again.report.changes).toEqual([]);
    expect([...report.skips]).toEqual(expect.arrayContaining([...again.report.skips]));
    expect(Buffer.compare(encodeResponse(again.snapshot), published)).toBe(0);
  });
});

const constantLua = new Map([
  [fallbackFilterLua, '<fallbackFilterLua>'],
  [confirmFilterLua, '<confirmFilterLua>'],
]);
const [, ...matcherLines] = rememberedMatcherLua({ before: '', scope: '', folder: '' }).split('\n');
const matcherLua = matcherLines.join('\n');

/** Our Lua by its name: it has files and tests of its own. What differs from route to route stays. */
function nameLua(value: unknown): unknown {
  if (typeof value === 'string') {
    if (!value.endsWith(matcherLua)) return constantLua.get(value) ?? value;
    return `${value.slice(0, -matcherLua.length)}<rememberedMatcherLua>`;
  }
  if (Array.isArray(value)) return value.map(nameLua);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nameLua(inner)]));
}

function readState(state: unknown): State {
  const parsed = parseStateFile('state', stringify(state));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return stateOf(parsed.value);
}

function definedLists(snapshot: z.output<typeof inputSchema>['snapshot']) {
  const { clusters = [], secrets = [], listeners = [], routes = [] } = snapshot;
  return { clusters, secrets, listeners, routes };
}
