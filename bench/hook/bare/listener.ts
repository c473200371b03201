import { connectUpgrade } from '../../../src/rewrites/offline-connectors/messages.ts';
import { encodeField } from '../../../src/xds/encoding.ts';
import { fields } from '../../../src/xds/fields.ts';
import { type Scratch, sizeOf } from './scratch.ts';
import { enter, hashOf, readVarint, skip, walk } from './walk.ts';

/** From a listener down to the name of a connection manager’s route configuration; a listener has two kinds of chains. */
const path = [[0x1a, 0xca], [0x1a], [0x22], [0x12], [0x1a], [0x12]] as const;
/** How many of these lead to the connection manager. */
const managerDepth = 4;

const allowed = encodeField(fields.HttpConnectionManager.upgrade_configs, connectUpgrade());

/** A listener whose connection managers are to let CONNECT through, and what was found of it so far. */
export class BareListener {
  readonly #needConnect: ReadonlySet<number>;
  /** Where each field on the way to the current place has its value, and where that ends. */
  readonly #from = new Int32Array(path.length);
  readonly #to = new Int32Array(path.length);
  /** That of each manager that is to let it through, one after the other. */
  readonly #found: number[] = [];

  /** `needConnect` has the hashes of route configurations’ names. */
  constructor(needConnect: ReadonlySet<number>) {
    this.#needConnect = needConnect;
  }

  /** Walks the one at which the walk is, up to its end; false when it stays as it is. */
  read(end: number): boolean {
    this.#found.length = 0;
    this.#descend(0, end);
    return this.#found.length > 0;
  }

  #descend(depth: number, end: number): void {
    const [one, other] = path[depth] ?? [];
    while (walk.at < end) {
      const tag = readVarint();
      if (tag !== one && tag !== other) {
        skip(tag);
        continue;
      }
      const to = enter();
      this.#from[depth] = walk.at;
      this.#to[depth] = to;
      if (depth + 1 < path.length) this.#descend(depth + 1, to);
      else if (this.#needConnect.has(hashOf(walk.bytes, walk.at, to))) this.#note();
      walk.at = to;
    }
  }

  #note(): void {
    for (let depth = 0; depth < managerDepth; depth++) {
      this.#found.push(this.#from[depth] ?? 0, this.#to[depth] ?? 0);
    }
  }

  /** Writes it as it becomes, with this head, after `read`. */
  write(request: Buffer, tag: number, { from, to, scratch }: WholeListener): void {
    const step = 2 * managerDepth;
    const lengths: number[] = [];
    let length = to - from;
    for (let at = 0; at < this.#found.length; at += step) {
      const its = this.#lengthsOf(at);
      lengths.push(...its);
      const [first = 0] = its;
      const before = (this.#found[at + 1] ?? 0) - (this.#found[at] ?? 0);
      length += first - before + sizeOf(first) - sizeOf(before);
    }
    scratch.makeRoom(length + 10);
    scratch.head(tag, length);
    let done = from;
    for (let at = 0; at < this.#found.length; at += 2) {
      const valueStart = this.#found[at] ?? 0;
      const before = (this.#found[at + 1] ?? 0) - valueStart;
      scratch.copy(request, done, valueStart - sizeOf(before));
      scratch.varint(lengths[at / 2] ?? 0);
      done = valueStart;
      if ((at + 2) % step !== 0) continue;
      scratch.copy(request, done, valueStart + before);
      scratch.put(allowed);
      done = valueStart + before;
    }
    scratch.copy(request, done, to);
  }

  /** How long the values on the way to a manager become, the outermost first. */
  #lengthsOf(at: number): number[] {
    const lengths: number[] = [];
    let more = allowed.length;
    for (let depth = managerDepth - 1; depth >= 0; depth--) {
      const place = at + 2 * depth;
      const before = (this.#found[place + 1] ?? 0) - (this.#found[place] ?? 0);
      lengths.unshift(before + more);
      more += sizeOf(before + more) - sizeOf(before);
    }
    return lengths;
  }
}

interface WholeListener {
  readonly from: number;
  readonly to: number;
  readonly scratch: Scratch;
}
