import { FieldReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';

/**
 * The parts of a PostTranslateModifyRequest between its secrets: views into it, to be written one
 * after the other. Nothing is decoded or copied. Throws MalformedMessageError when the envelope is
 * malformed: where its secrets begin and end is then unknown.
 */
export function withoutSecrets(request: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let keptFrom = 0;
  const keepUntil = (end: number) => {
    if (end > keptFrom) parts.push(request.subarray(keptFrom, end));
  };
  const reader = new FieldReader(request);
  while (reader.next()) {
    if (reader.number !== fields.PostTranslateModifyRequest.secrets.number) continue;
    keepUntil(reader.start);
    keptFrom = reader.end;
  }
  keepUntil(request.length);
  return parts;
}
