import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  confirmFilterLua,
  fallbackFilterLua,
  rememberedMatcherLua,
} from '../../src/rewrites/control-plane-fallback/lua-sources.ts';
import { runToEnd } from './support/run-to-end.ts';
import { testbedToolPath } from './support/testbed-cache.ts';

const top = path.join(import.meta.dirname, '..', '..');
const confirm = 'src/rewrites/control-plane-fallback/lua/confirm.lua';

/** Gives what luacheck says, as of `.luacheckrc`; throws with it when there is a warning. */
const luacheck = (args: readonly string[], input = '') =>
  runToEnd(testbedToolPath('luacheck'), ['--codes', '--no-color', ...args], { cwd: top, input });

describe('the Lua of this repository', () => {
  it('has no warnings in any of its files', async () => {
    const files = (await readdir(path.join(top, 'src'), { recursive: true })).filter((name) =>
      name.endsWith('.lua'),
    );
    expect(files).not.toEqual([]);
    const said = await luacheck(['src']);
    expect(said).toContain(`0 warnings / 0 errors in ${files.length} files`);
  });

  const settings = { before: '/browsers/', scope: 'default/vm', folder: '/nowhere' };
  // A part in front serves several behind it, so one of them may leave a function of it unused.
  const oneUnused = ['--ignore', '211/is_remembered'];

  it.each([
    ['fallback filter', fallbackFilterLua, ['envoy_on_request', 'envoy_on_response'], oneUnused],
    ['confirm filter', confirmFilterLua, ['envoy_on_response'], []],
    ['route matcher', rememberedMatcherLua(settings), ['envoy_match'], []],
  ])('has no warnings as Envoy gets it, its parts joined: %s', async (_, code, globals, more) => {
    const envoy = ['--no-config', '--std', 'luajit', '--globals', ...globals];
    const said = await luacheck(['-', ...envoy, ...more], code);
    expect(said).toContain('0 warnings / 0 errors in 1 file');
  });

  it.each([
    ['an unused variable', 'local left_over = 1', "(W211) unused variable 'left_over'"],
    [
      'an accidental global',
      'counted = 1',
      "(W111) setting non-standard global variable 'counted'",
    ],
    ['a name of nobody', 'json_kode("")', "(W113) accessing undefined variable 'json_kode'"],
    [
      'what Lua 5.1 has not',
      'table.unpack({})',
      "(W143) accessing undefined field 'unpack' of global 'table'",
    ],
    ['a long line', `-- ${'long '.repeat(24)}end`, '(W631) line is too long (126 > 120)'],
    ['no Lua', 'local = 1', '(E011) expected identifier'],
  ])('turns red for %s', async (_, line, warning) => {
    const text = await readFile(path.join(top, confirm), 'utf8');
    const changed = luacheck(['--filename', confirm, '-'], `${text}${line}\n`);
    await expect(changed).rejects.toThrow(warning);
  });
});
