import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  confirmFilterLua,
  fallbackFilterLua,
  rememberedMatcherLua,
} from '../../src/rewrites/control-plane-fallback/lua-sources.ts';
import { describeSplit } from '../../src/rewrites/empty-backends/describe-split.ts';
import { rewriteSnapshot } from '../../src/rewrites/pipeline.ts';
import { encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { goldenBehaviours, readGoldenInput } from '../support/golden-input.ts';
import { decodeSnapshot, requestFromResponse } from '../support/xds.ts';

const folder = import.meta.dirname;
const rewrites = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());

describe.each(rewrites.map(({ name }) => name))('%s', (rewrite) => {
  it.each(goldenBehaviours(rewrite))('%s', async (behaviour) => {
    const { request, state, settings } = readGoldenInput(rewrite, behaviour);

    const { snapshot, report } = rewriteSnapshot(readSnapshot(request), state, settings);

    const output = { report, snapshot: nameLua(decodeSnapshot(snapshot)) };
    const yaml = stringify(output, { aliasDuplicateObjects: false, lineWidth: 0 });
    await expect(yaml).toMatchFileSnapshot(join(folder, rewrite, `${behaviour}.out.yaml`));

    const published = encodeResponse(snapshot);
    const again = rewriteSnapshot(requestFromResponse(published), state, settings);
    expect(again.report.changes).toEqual([]);
    expect([...report.skips]).toEqual(expect.arrayContaining([...again.report.skips]));
    expect(Buffer.compare(encodeResponse(again.snapshot), published)).toBe(0);
  });

  it.each(goldenBehaviours(rewrite))('%s: no matter who wants to know why', (behaviour) => {
    const { request, state, settings } = readGoldenInput(rewrite, behaviour);
    const plain = rewriteSnapshot(readSnapshot(request), state, settings);
    const asked = rewriteSnapshot(readSnapshot(request), state, { ...settings, everySplit: true });
    expect(asked.report).toEqual(plain.report);
    const told = asked.splits.map(describeSplit);
    expect(told).toEqual(expect.arrayContaining(plain.splits.map(describeSplit)));
    const [one, other] = [asked, plain].map(({ snapshot }) => encodeResponse(snapshot));
    expect(one).toEqual(other);
  });
});

const constantLua = new Map([
  [fallbackFilterLua, '<fallbackFilterLua>'],
  [confirmFilterLua, '<confirmFilterLua>'],
]);
const noSettings = { before: '', scope: '', folder: '' };
const [frontOfMatcher = '', backOfMatcher = ''] =
  rememberedMatcherLua(noSettings).split(/^local before.*\n/m);

/** Our Lua by its name: it has files and tests of its own. What differs from route to route stays. */
function nameLua(value: unknown): unknown {
  if (typeof value === 'string') {
    if (!value.startsWith(frontOfMatcher) || !value.endsWith(backOfMatcher)) {
      return constantLua.get(value) ?? value;
    }
    const settings = value.slice(frontOfMatcher.length, -backOfMatcher.length);
    return `${settings}<rememberedMatcherLua>`;
  }
  if (Array.isArray(value)) return value.map(nameLua);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nameLua(inner)]));
}
