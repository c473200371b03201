import { type Generation, noGeneration } from './gateway-generation.ts';

/** A translation that this Offramp answered: the annotation it was for, and what it was answered from. */
export interface AnsweredTranslation {
  readonly annotation: string | undefined;
  readonly generation: Generation;
}

const separator = '-';

/**
 * The annotation that a Gateway should have, given the one it has: its generation. When another
 * Offramp wrote that generation before we knew of the change, and we answered the translation that
 * followed, Envoy got the old state: then the generation with a count, for one more translation.
 */
export function annotationFor(
  generation: string,
  current: string | undefined,
  answered: AnsweredTranslation | undefined,
): string | undefined {
  if (generationOf(current) !== generation) {
    return generation === noGeneration ? undefined : generation;
  }
  const wasAnsweredOtherwise =
    answered !== undefined && answered.annotation === current && answered.generation !== generation;
  if (!wasAnsweredOtherwise) return current;
  const count = Number(current?.split(separator)[1] ?? 0);
  return `${generation}${separator}${count + 1}`;
}

/** The generation that an annotation stands for, whichever count it has. */
export function generationOf(annotation: string | undefined): string {
  return annotation?.split(separator)[0] ?? noGeneration;
}
