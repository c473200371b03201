import { OfframpError } from '../errors.ts';

/** Not a message at all, or one whose meaning depends on how a decoder merges repeated fields. */
export type MalformedKind = 'malformed' | 'ambiguous';

/**
 * Bytes that are not a protobuf message, or not the one that was expected.
 * Says where: the path of fields from the outermost message, and the byte offset in that message.
 */
export class MalformedMessageError extends OfframpError {
  readonly reason: string;
  readonly path: string;
  readonly offset: number;
  readonly kind: MalformedKind;

  constructor(reason: string, path: string, offset: number, kind: MalformedKind = 'malformed') {
    super('malformed-message', [`${path === '' ? 'message' : path} at byte ${offset}: ${reason}`]);
    this.name = 'MalformedMessageError';
    this.reason = reason;
    this.path = path;
    this.offset = offset;
    this.kind = kind;
  }

  /** The same error seen from the enclosing message: `segment` goes in front, offsets add up. */
  within(segment: string, offset: number): MalformedMessageError {
    const path = this.path === '' ? segment : `${segment}.${this.path}`;
    return new MalformedMessageError(this.reason, path, this.offset + offset, this.kind);
  }
}

/** A malformed message as inside `segment`, `offset` bytes in; any other error as it is. */
export function seenFromOutside(error: unknown, segment: string, offset: number): unknown {
  return error instanceof MalformedMessageError ? error.within(segment, offset) : error;
}
