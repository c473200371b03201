/** Parts of a message: of each from, to. Not an array, whose memory would go when it is cleared. */
export class Spans {
  length = 0;
  readonly #numbers: number[] = [];

  clear(): void {
    this.length = 0;
  }

  add(from: number, to: number): void {
    this.#numbers[this.length] = from;
    this.#numbers[this.length + 1] = to;
    this.length += 2;
  }

  at(index: number): number | undefined {
    return index < this.length ? this.#numbers[index] : undefined;
  }
}
