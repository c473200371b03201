import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/**
 * Has grpc-js let go of the pieces in which a call's request came, once all of it is there. grpc-js
 * copies them into one message, but keeps them until the call has ended: a snapshot of 74 MB would be in
 * memory twice while it is decided. A release of grpc-js that keeps them elsewhere goes on doing so,
 * which a test here shows.
 */
export function letGoOfPieces(innermost: ServerInterceptingCallInterface): void {
  const decoder: unknown = Reflect.get(innermost, 'decoder');
  if (typeof decoder !== 'object' || decoder === null) return;
  const pieces: unknown = Reflect.get(decoder, 'readPartialMessage');
  if (Array.isArray(pieces)) pieces.length = 0;
}
