const nothing = new Int32Array();

/** How many numbers an array has room for at first; it is dear to make, however short. */
const firstCapacity = 1024;

/** Whole numbers of 32 bits, which become more; an array of each route configuration’s own would be dear. */
export class Column {
  #values = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) this.#grow();
    this.#values[this.#length++] = value;
  }

  at(place: number): number {
    return this.#values[place] ?? 0;
  }

  /** Forgets all numbers but the first ones. */
  truncate(length: number): void {
    this.#length = length;
  }

  #grow(): void {
    const values = new Int32Array(Math.max(firstCapacity, 4 * this.#length));
    values.set(this.#values);
    this.#values = values;
  }
}
