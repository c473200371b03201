// The part of fengari (Lua's C API in JavaScript) that the tests use; it brings no types.
declare module 'fengari' {
  /** A Lua interpreter. */
  export interface LuaState {
    readonly lua: unique symbol;
  }

  interface Lua {
    lua_pcall(state: LuaState, given: number, wanted: number, handler: number): number;
    lua_getglobal(state: LuaState, name: Uint8Array): number;
    lua_pushstring(state: LuaState, bytes: Uint8Array): void;
    lua_tostring(state: LuaState, index: number): Uint8Array | null;
    lua_settop(state: LuaState, index: number): void;
  }

  interface Auxiliary {
    luaL_newstate(): LuaState;
    luaL_loadbuffer(state: LuaState, code: Uint8Array, size: number, name: Uint8Array): number;
  }

  export const lua: Lua;
  export const lauxlib: Auxiliary;
  export const lualib: { luaL_openlibs(state: LuaState): void };
  export function to_luastring(text: string): Uint8Array;
}
