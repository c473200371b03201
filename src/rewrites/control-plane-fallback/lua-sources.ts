import lua from './generated/lua.json' with { type: 'json' };

/** What the route matcher of a remembered session has to know; there is no other way to tell it. */
export interface RememberedSettings {
  /** The literal start of the path, up to the session id: `/browsers/`. */
  readonly before: string;
  /** Whose sessions these are; without spaces and newlines. */
  readonly scope: string;
  /** The folder of the memory, writable for Envoy. */
  readonly folder: string;
}

/** The filter of the connection managers; its parameters come by the filter context of each route. */
export const fallbackFilterLua: string = lua.memory + lua.filter;

/** The upstream filter of the VM's cluster; what it needs, the other filter leaves in metadata. */
export const confirmFilterLua: string = lua['json-code'] + lua.confirm;

/** The string matcher that recognises the path of a remembered session. */
export function rememberedMatcherLua({ before, scope, folder }: RememberedSettings): string {
  const values = [before, scope, folder].map(quoteForLua).join(', ');
  // Behind the memory's functions, whose parameters have the same names.
  return `${lua.memory}local before, scope, folder = ${values}\n${lua.matcher}`;
}

/** A Lua string literal in which everything but plain characters is a decimal escape. */
function quoteForLua(text: string): string {
  const escaped = [...Buffer.from(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[\w./-]/.test(character) ? character : `\\${String(byte).padStart(3, '0')}`;
  });
  return `"${escaped.join('')}"`;
}
