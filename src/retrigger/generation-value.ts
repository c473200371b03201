import { type Generation, noGeneration } from './gateway-generation.ts';

/** A translation that this Offramp answered: the annotation it was for, and what it was answered from. */
export interface AnsweredTranslation {
  readonly annotation: string | undefined;
  readonly generation: Generation;
}

/** What the annotation of a Gateway is to stand for. */
export interface WantedState {
  readonly generation: string;
  /** The state that a decision has to be made anew from; undefined when all that was decided holds. */
  readonly correction?: string | undefined;
}

const countSeparator = '-';
const correctionSeparator = '.';

/**
 * The annotation that a Gateway should have, given the one it has: `<generation>`, or
 * `<generation>.<correction>` when a decision does not hold any more. When another Offramp wrote that
 * before we knew of the change, and we answered the translation that followed, Envoy got the old
 * state: then the same with a count, for one more translation.
 */
export function annotationFor(
  { generation, correction }: WantedState,
  current: string | undefined,
  answered: AnsweredTranslation | undefined,
): string | undefined {
  const has = parse(current);
  const isCorrected = correction === undefined || correction === has.correction;
  if (has.generation !== generation || !isCorrected) {
    const isNothing = generation === noGeneration && correction === undefined;
    return isNothing ? undefined : format({ generation, correction });
  }
  const holds = answered?.generation === generation && correction === undefined;
  if (answered === undefined || answered.annotation !== current || holds) return current;
  return `${format(has)}${countSeparator}${has.count + 1}`;
}

/** The generation that an annotation stands for, whatever else it says. */
export function generationOf(annotation: string | undefined): string {
  return parse(annotation).generation;
}

function parse(annotation: string | undefined): WantedState & { readonly count: number } {
  const [state = '', count = 0] = annotation?.split(countSeparator) ?? [];
  const [generation, correction] = state.split(correctionSeparator);
  return { generation: generation || noGeneration, correction, count: Number(count) };
}

function format({ generation, correction }: WantedState): string {
  return correction === undefined ? generation : `${generation}${correctionSeparator}${correction}`;
}
