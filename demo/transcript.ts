/** Prints the demo, and keeps count of what did not come as it was announced. */
export class Transcript {
  readonly #print: (text: string) => void;
  #scenes = 0;
  #checks = 0;
  #wrong = 0;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  /** How many answers were not as announced. */
  get wrong(): number {
    return this.#wrong;
  }

  get checks(): number {
    return this.#checks;
  }

  tell(...lines: readonly string[]): void {
    this.#print(`${lines.join('\n')}\n`);
  }

  /** The start of a scene: what is going to be seen. */
  scene(title: string): void {
    this.#scenes += 1;
    this.tell('', `${this.#scenes}. ${title}`);
  }

  /** A line on its own, so that it can be copied whole, and what it printed. */
  command(line: string, printed: string): void {
    this.tell('', `    ${line}`);
    const lines = printed.trimEnd().split(/\r?\n/);
    if (printed !== '') this.tell(...lines.map((one) => `    | ${one}`.trimEnd()));
  }

  /** Whether it came as announced. */
  check(announced: string, held: boolean): void {
    this.#checks += 1;
    if (!held) this.#wrong += 1;
    this.tell(held ? `    As expected: ${announced}` : `    NOT AS EXPECTED: ${announced}`);
  }
}
