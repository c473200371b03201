import { setTimeout as sleep } from 'node:timers/promises';
import type { ExtensionConnection } from '../../test/support/extension-connection.ts';
import type { KnownAnswers } from './known-answers.ts';
import { otherState, type StateName } from './two-states.ts';

/** Milliseconds after a change of state within which an answer may still be by the one before. */
const timeToChange = 10_000;

/** What the calls are made of, and where it is told when one goes wrong. */
export interface SteadyCallsOptions {
  readonly known: readonly KnownAnswers[];
  readonly connect: () => ExtensionConnection;
  readonly perSecond: number;
  readonly failed: (what: string) => void;
}

/** Calls of the hook at a steady pace, each answer compared with what it has to be. */
export class SteadyCalls {
  readonly #options: SteadyCallsOptions;
  #connection: ExtensionConnection | undefined;
  #state: StateName = 'as made';
  /** While the one before is right too: when it ceases to be. */
  #changeEnds: number | undefined;
  #sent = 0;
  #answered = 0;
  #work: Promise<void> | undefined;

  constructor(options: SteadyCallsOptions) {
    this.#options = options;
  }

  get sent(): number {
    return this.#sent;
  }

  get answered(): number {
    return this.#answered;
  }

  /** Connects, and calls until it is stopped; as often as answers come, when that is not as often as asked. */
  start(): void {
    this.#connection = this.#options.connect();
    this.#work = this.#keepCalling(this.#connection);
  }

  /** Further calls go over a new connection; the one under way ends where it began. */
  async reconnect(): Promise<void> {
    await this.stop();
    this.start();
  }

  /** From now on answers are by the other state, as soon as Offramp has read it. */
  changeState(): StateName {
    this.#state = otherState(this.#state);
    this.#changeEnds = performance.now() + timeToChange;
    return this.#state;
  }

  /** Ends with the call that is under way, and closes the connection. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await this.#work;
    connection?.close();
  }

  async #keepCalling(connection: ExtensionConnection): Promise<void> {
    const interval = 1_000 / this.#options.perSecond;
    let due = performance.now();
    while (this.#connection === connection) {
      await this.#call(connection);
      due = Math.max(due + interval, performance.now());
      await sleep(due - performance.now());
    }
  }

  async #call(connection: ExtensionConnection): Promise<void> {
    const number = ++this.#sent;
    const { known } = this.#options;
    try {
      const state = await known[number % known.length]?.ask(connection, number);
      this.#answered++;
      this.#check(state, number);
    } catch (error) {
      this.#failed(number, error instanceof Error ? error.message : String(error));
    }
  }

  #check(state: StateName | undefined, number: number): void {
    if (state === this.#state) this.#changeEnds = undefined;
    else if (state === undefined) this.#failed(number, 'the answer fits neither state');
    else if (this.#changeEnds === undefined || performance.now() > this.#changeEnds) {
      this.#failed(number, 'the answer is by the state before');
    }
  }

  #failed(number: number, what: string): void {
    this.#options.failed(`call ${number}: ${what}`);
  }
}
