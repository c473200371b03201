import { FieldReader } from '../../src/xds/field-reader.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';

/** Whether the fields of a message can be read to its end. */
export function isReadable(message: Uint8Array): boolean {
  try {
    const reader = new FieldReader(message);
    while (reader.next());
    return true;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return false;
  }
}
