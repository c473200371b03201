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

/** A response as Envoy shows it to the confirm filter, with what the other filter has left. */
const probeOfConfirm = (kept: string) => `
local shown = { [":status"] = "404", ["content-type"] = "application/json" }
local body = '{"code":"browser_gone"}'
local headers = {
  get = function(_, name) return shown[name] end,
  remove = function(_, name) shown[name] = nil end,
  replace = function(_, name, value) shown[name] = value end,
}
local metadata = { get = function() return ${kept} end, set = function() end }
local handle = {
  headers = function() return headers end,
  streamInfo = function() return { dynamicMetadata = function() return metadata end } end,
  body = function()
    return { length = function() return #body end, getBytes = function() return body end }
  end,
}
function status() envoy_on_response(handle) return shown[":status"] end`;

describe('a gone session’s 404, from a cluster of VMs', () => {
  const statusOf = (kept: string) =>
    runLua(confirmFilterLua + probeOfConfirm(kept), ['envoy_on_response', 'status']).call(
      'status',
      new Uint8Array(),
    );

  it('is for the router when the request came by a clone', () => {
    const kept = '{ key = "k", limit = 65536, location = "http://a/", original = "o" }';
    expect(statusOf(kept)).toBe('303');
  });

  it.each([
    ['by another route', 'nil'],
    ['as to a control plane, because the cluster is one as well', '{ settled = "k" }'],
  ])('stays when the request came %s', (_, kept) => {
    expect(statusOf(kept)).toBe('404');
  });
});
