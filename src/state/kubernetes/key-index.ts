const nothing: ReadonlySet<string> = new Set();

/** Sets of keys by what they have in common. */
export class KeyIndex {
  readonly #sets = new Map<string, Set<string>>();

  get(common: string): ReadonlySet<string> {
    return this.#sets.get(common) ?? nothing;
  }

  add(common: string, key: string): void {
    const keys = this.#sets.get(common);
    if (keys === undefined) this.#sets.set(common, new Set([key]));
    else keys.add(key);
  }

  delete(common: string, key: string): void {
    const keys = this.#sets.get(common);
    keys?.delete(key);
    if (keys?.size === 0) this.#sets.delete(common);
  }

  put(common: string, key: string, belongs: boolean): void {
    if (belongs) this.add(common, key);
    else this.delete(common, key);
  }
}
