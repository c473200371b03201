import type { ExtensionConnection } from '../../test/support/extension-connection.ts';
import type { Fleet } from '../hook/fleet.ts';
import { findWrong } from '../hook/right-answers.ts';
import { connectorsIn, type StateName } from './two-states.ts';

/** A snapshot that is sent again and again, each time with another number in one of its secrets. */
export class KnownAnswers {
  readonly fleet: Fleet;
  readonly #request: NumberedBytes;
  readonly #answers = new Map<StateName, NumberedBytes>();

  constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.#request = new NumberedBytes(fleet.request);
  }

  /** Asks for the answer in this state and counts what is in it. Throws when that is wrong. */
  async learn(state: StateName, connection: ExtensionConnection): Promise<void> {
    const answer = await ask(connection, this.#request.with(''));
    const connectors = connectorsIn(state, this.fleet);
    const wrong = findWrong(answer, 'all rewrites', { ...this.fleet, connectors });
    if (wrong !== undefined) throw new Error(`the answer ${state} is wrong: ${wrong}`);
    this.#answers.set(state, new NumberedBytes(answer));
  }

  /** Calls the hook once, and tells which state it was answered by; undefined when by neither. */
  async ask(connection: ExtensionConnection, number: number): Promise<StateName | undefined> {
    const answer = await ask(connection, this.#request.with(number));
    for (const [state, known] of this.#answers) {
      if (answer.equals(known.with(number))) return state;
    }
    return undefined;
  }
}

function ask(connection: ExtensionConnection, request: Buffer): Promise<Buffer> {
  return connection.call('PostTranslateModify', request);
}

/** Certificates of the fleet are letters; these are the first of the first certificate. */
const certificateStart = /[A-Z]{64}/;

/** Bytes with a number in them that can be changed: an answer tells which request it is to. */
class NumberedBytes {
  readonly #bytes: Buffer;
  readonly #at: number;

  constructor(bytes: Buffer) {
    this.#bytes = Buffer.from(bytes);
    this.#at = certificateStart.exec(bytes.toString('latin1'))?.index ?? -1;
    if (this.#at < 0) throw new Error('there is no secret in it to put a number into');
  }

  with(number: number | ''): Buffer {
    this.#bytes.write(String(number).padStart(12, 'A'), this.#at, 'latin1');
    return this.#bytes;
  }
}
