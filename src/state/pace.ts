/** Parts of long work between two pauses: less than a few milliseconds of it. */
const partsPerStep = 1_000;

/** Says of long work (`Steps`), part after part, when it is to pause. */
export class Pace {
  #parts = 0;

  /** To be asked once for each part. */
  isPauseDue(): boolean {
    this.#parts = (this.#parts + 1) % partsPerStep;
    return this.#parts === 0;
  }
}
