import * as z from 'zod';
import { parseGoDuration } from './go-duration.ts';

/** A duration between these, in seconds, as Go writes it: `500ms`, `10s`, `1m30s`. */
export function durationSchema(from: number, to: number) {
  return z.string().refine(
    (text) => {
      const seconds = parseGoDuration(text);
      return seconds !== undefined && seconds >= from && seconds <= to;
    },
    { error: `expected a duration from ${from}s to ${to}s, for instance 500ms, 10s or 1m30s` },
  );
}

/** Milliseconds of a duration that the schema has accepted. */
export function milliseconds(duration: string): number {
  return Math.round((parseGoDuration(duration) ?? 0) * 1000);
}
