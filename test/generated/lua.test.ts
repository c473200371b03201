import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect, it } from 'vitest';

const folder = new URL('../../src/rewrites/control-plane-fallback/lua/', import.meta.url);

it('keeps the Lua that Offramp sends equal to its files, without their comments', async () => {
  const sent: Record<string, string> = {};
  for (const file of (await readdir(folder)).sort()) {
    sent[basename(file, '.lua')] = withoutComments(await readFile(new URL(file, folder), 'utf8'));
  }
  await expect(`${JSON.stringify(sent, null, 2)}\n`).toMatchFileSnapshot(
    '../../src/rewrites/control-plane-fallback/generated/lua.json',
  );
});

/** Each connection manager and cluster gets a copy, so what Envoy does not need stays here. */
function withoutComments(source: string): string {
  const lines = source.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('--'))
    .map((line) => `${line}\n`)
    .join('');
}
