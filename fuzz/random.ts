/** Random numbers that a text fixes: the same text, the same numbers, on every machine (sfc32). */
export class Random {
  #a = 0x9e3779b9;
  #b = 0x243f6a88;
  #c = 0xb7e15162;
  #counter = 1;

  constructor(seed: string) {
    for (let at = 0; at < seed.length; at++) {
      this.#a = Math.imul(this.#a ^ seed.charCodeAt(at), 0x85ebca6b);
      this.#b = Math.imul(this.#b ^ (this.#a >>> 13), 0xc2b2ae35);
    }
    for (let round = 0; round < 12; round++) this.#next();
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor((this.#next() / 2 ** 32) * end);
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of these. Throws a RangeError when there are none. */
  pick<T>(from: readonly T[]): T {
    const one = from[this.below(from.length)];
    if (one === undefined) throw new RangeError('nothing to pick from');
    return one;
  }

  /** One of these, by their weights. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let left = this.below(from.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, one] of from) {
      left -= weight;
      if (left < 0) return one;
    }
    throw new RangeError('nothing to pick from');
  }

  /** Those that chance takes, each with one in so many. */
  some<T>(from: readonly T[], times: number): T[] {
    return from.filter(() => this.oneIn(times));
  }
}
