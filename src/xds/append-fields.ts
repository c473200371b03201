import { editFields } from './wire.ts';

/**
 * A message with these fields, each with its tag, behind all others; the same one when there are none. Throws
 * MalformedMessageError, as every edit.
 */
export function appendFields(message: Uint8Array, added: readonly Uint8Array[]): Uint8Array {
  return editFields(message, keep, added);
}

function keep(): 'keep' {
  return 'keep';
}
