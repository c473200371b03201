import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  CollapseSimpleStatement,
  Config,
  formatCode,
  IndentType,
  LuaVersion,
  OutputVerification,
} from '@johnnymorganz/stylua';
import { describe, expect, it } from 'vitest';

const rewrite = join(import.meta.dirname, '../../src/rewrites/control-plane-fallback');
const folder = join(rewrite, 'lua');
const files = readdirSync(folder).sort();

describe('the Lua of the fallback', () => {
  it.each(files)('is formatted as StyLua does it: %s', async (file) => {
    const path = join(folder, file);
    await expect(formatted(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
  });

  it('is sent as it is in its files, without their comments', async () => {
    const sent = Object.fromEntries(
      files.map((file) => {
        // Formatted, for one `npm run generate` to do both.
        const source = formatted(readFileSync(join(folder, file), 'utf8'));
        return [basename(file, '.lua'), withoutComments(source)];
      }),
    );
    await expect(`${JSON.stringify(sent, null, 2)}\n`).toMatchFileSnapshot(
      join(rewrite, 'generated', 'lua.json'),
    );
  });
});

function formatted(source: string): string {
  const style = Config.new();
  style.syntax = LuaVersion.LuaJIT;
  style.column_width = 120;
  style.indent_type = IndentType.Spaces;
  style.indent_width = 2;
  style.collapse_simple_statement = CollapseSimpleStatement.Always;
  return formatCode(source, style, undefined, OutputVerification.Full);
}

/** Each connection manager and cluster gets a copy, so what Envoy does not need stays here. */
function withoutComments(source: string): string {
  const lines = source.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('--'))
    .map((line) => `${line}\n`)
    .join('');
}
