/** Keys to work on later, each by one at a time, a few at once. */
export class DueQueue {
  readonly #work: (key: string) => Promise<void>;
  readonly #concurrency: number;
  readonly #timers = new Map<string, { readonly due: number; readonly timer: NodeJS.Timeout }>();
  readonly #ready = new Set<string>();
  readonly #running = new Set<string>();
  #stopped = false;

  /** `work` must not reject. */
  constructor(concurrency: number, work: (key: string) => Promise<void>) {
    this.#concurrency = concurrency;
    this.#work = work;
  }

  /** How many keys are worked on, or will be. */
  get size(): number {
    return new Set([...this.#timers.keys(), ...this.#ready, ...this.#running]).size;
  }

  /** Works on the key after so many milliseconds, or earlier when it is due earlier already. */
  add(key: string, delay: number): void {
    if (this.#stopped || this.#ready.has(key)) return;
    const due = performance.now() + delay;
    const known = this.#timers.get(key);
    if (known !== undefined && known.due <= due) return;
    clearTimeout(known?.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.#ready.add(key);
      this.#start();
    }, delay).unref();
    this.#timers.set(key, { due, timer });
  }

  delete(key: string): void {
    clearTimeout(this.#timers.get(key)?.timer);
    this.#timers.delete(key);
    this.#ready.delete(key);
  }

  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#ready.clear();
  }

  #start(): void {
    for (const key of this.#ready) {
      if (this.#running.size >= this.#concurrency) return;
      if (this.#running.has(key)) continue;
      this.#ready.delete(key);
      this.#running.add(key);
      void this.#work(key).finally(() => {
        this.#running.delete(key);
        this.#start();
      });
    }
  }
}
