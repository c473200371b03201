import { to_luastring as bytesOf, type LuaState, lauxlib, lua, lualib } from 'fengari';

/** A chunk of Lua that has been run, and whose functions can be called. */
export interface LuaChunk {
  /** Calls a global function with one string of bytes; gives the text that it returns, null for nil. */
  call(name: string, argument: Uint8Array): string | null;
}

/** Any use of a global variable that is neither Lua's own nor declared by `allowed` is an error. */
const STRICT = `
local allowed = { %s }
setmetatable(_G, {
  __index = function(_, name) if not allowed[name] then error("no global " .. name) end end,
  __newindex = function(t, name, v)
    if not allowed[name] then error("makes a global " .. name) end
    rawset(t, name, v)
  end,
})
`;

/** Runs `code` in a Lua of its own, which knows no globals but Lua's own and `globals`. */
export function runLua(code: string, globals: readonly string[]): LuaChunk {
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  const allowed = globals.map((name) => `${name} = true`).join(', ');
  run(state, STRICT.replace('%s', allowed), 'strict');
  run(state, code, 'code');
  return {
    call: (name, argument) => {
      lua.lua_settop(state, 0);
      lua.lua_getglobal(state, bytesOf(name));
      lua.lua_pushstring(state, argument);
      check(state, lua.lua_pcall(state, 1, 1, 0));
      const result = lua.lua_tostring(state, -1);
      return result === null ? null : Buffer.from(result).toString('latin1');
    },
  };
}

function run(state: LuaState, code: string, name: string): void {
  const bytes = bytesOf(code);
  check(state, lauxlib.luaL_loadbuffer(state, bytes, bytes.length, bytesOf(name)));
  check(state, lua.lua_pcall(state, 0, 0, 0));
}

function check(state: LuaState, status: number): void {
  if (status === 0) return;
  const message = lua.lua_tostring(state, -1);
  throw new Error(`Lua: ${message === null ? 'no message' : Buffer.from(message).toString()}`);
}
