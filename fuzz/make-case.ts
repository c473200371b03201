import type { Corpus } from './corpus.ts';
import { encodeField, splitMessage } from './message-fields.ts';
import { mutateRequest } from './mutate.ts';
import { Random } from './random.ts';
import { makeWorld, type World } from './world.ts';

/** One thing that is tried: all of it follows from the seed and the number. */
export interface Case extends World {
  /** `<seed>:<number>` */
  readonly id: string;
  readonly request: Uint8Array;
  /** Which capture or golden input it was made from. */
  readonly original: string;
}

/** Bytes; what repeats what was repeated would soon fill the memory. */
const largestRequest = 2 ** 20;

/** A snapshot for some number of mutations that chance decides, most often few. */
export function makeCase(corpus: Corpus, seed: string, number: number): Case {
  const id = `${seed}:${number}`;
  const random = new Random(id);
  const original = random.pick(corpus.originals);
  const isRough = random.oneIn(3);
  let request = random.oneIn(8)
    ? mix(original.request, random.pick(corpus.originals).request, random)
    : original.request;
  const count = 1 + random.below(random.oneIn(4) ? 20 : 4);
  for (let round = 0; round < count; round++) {
    const mutated = mutateRequest(request, { ...corpus, random, isRough });
    if (mutated.length <= largestRequest) request = mutated;
  }
  return { id, request, original: original.name, ...makeWorld(original, corpus, random) };
}

/** Some resources of each of two snapshots, in any order. */
function mix(one: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const resources = [...(splitMessage(one) ?? []), ...(splitMessage(other) ?? [])];
  const kept = resources.filter(() => !random.oneIn(3));
  return Buffer.concat(kept.map(({ number, value }) => encodeField(number, 2, value)));
}
