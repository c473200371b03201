import { textOf } from './text.ts';

/** A part of a message. */
export class Span {
  from = 0;
  to = 0;

  set(from: number, to: number): void {
    this.from = from;
    this.to = to;
  }

  get isEmpty(): boolean {
    return this.from === this.to;
  }
}

/** What lies there as text. */
export function textAt(message: Uint8Array, { from, to }: Span): string {
  return textOf(message, from, to);
}
