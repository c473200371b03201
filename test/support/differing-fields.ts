/**
 * The paths at which two decoded values differ, without names and indexes: `routes.virtual_hosts.name`.
 * Members of lists are compared by their names, where they have any. A path ends where one side has
 * nothing.
 */
export function differingFields(before: unknown, after: unknown): string[] {
  return [...new Set(walk('', before, after))].toSorted();
}

function walk(path: string, before: unknown, after: unknown): string[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    return walkEntries(() => path, byName(before), byName(after));
  }
  if (isObject(before) && isObject(after)) {
    const below = (key: string) => (path === '' ? key : `${path}.${key}`);
    return walkEntries(below, new Map(Object.entries(before)), new Map(Object.entries(after)));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
}

function walkEntries(
  pathOf: (key: string) => string,
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].flatMap((key) => walk(pathOf(key), before.get(key), after.get(key)));
}

function byName(list: readonly unknown[]): ReadonlyMap<string, unknown> {
  return new Map(list.map((item, index) => [nameOf(item) ?? String(index), item]));
}

function nameOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  const name = Object.entries(item).find(([key]) => key === 'name')?.[1];
  return typeof name === 'string' ? name : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
