import { describe, expect, it } from 'vitest';
import {
  confirmFilterLua,
  fallbackFilterLua,
  rememberedMatcherLua,
} from '../../../src/rewrites/control-plane-fallback/lua-sources.ts';
import { runLua } from '../../support/run-lua.ts';

describe('the Lua that Envoy gets', () => {
  const settings = { before: '/browsers/', scope: 'default/vm', folder: '/nowhere' };

  it.each([
    ['fallback filter', fallbackFilterLua, ['envoy_on_request', 'envoy_on_response']],
    ['confirm filter', confirmFilterLua, ['envoy_on_response']],
    ['route matcher', rememberedMatcherLua(settings), ['envoy_match']],
  ])('makes no globals but those that Envoy calls: %s', (_, code, globals) => {
    expect(() => runLua(code, globals)).not.toThrow();
    expect(() => runLua(code, globals.slice(1))).toThrow('makes a global');
  });

  it('is small, because each listener and cluster has a copy', () => {
    for (const code of [fallbackFilterLua, confirmFilterLua, rememberedMatcherLua(settings)]) {
      expect(code.length).toBeLessThan(5_500);
    }
  });

  it('quotes its settings, whatever is in them', () => {
    const odd = '/a"b\\c]]\n%d\u00e9 --';
    const code = rememberedMatcherLua({ before: odd, scope: odd, folder: odd });
    const probe = `${code}\nfunction settings() return before .. "|" .. scope .. "|" .. folder end`;
    const bytes = runLua(probe, ['envoy_match', 'settings']).call('settings', new Uint8Array());
    expect(Buffer.from(bytes ?? '', 'latin1').toString()).toBe(`${odd}|${odd}|${odd}`);
  });
});
