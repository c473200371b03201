/** Hashes of what several objects have, each with how many of them have it. */
export class CountedHashes {
  readonly #counts = new Map<number, number>();

  /** Notes that `more` objects have it, or fewer. */
  count(hash: number, more: number): void {
    const count = (this.#counts.get(hash) ?? 0) + more;
    if (count === 0) this.#counts.delete(hash);
    else this.#counts.set(hash, count);
  }

  /** Whether an object has it. */
  has(hash: number): boolean {
    return this.#counts.has(hash);
  }
}
