import { dirname, resolve } from 'node:path';
import { isMap, isSeq, parseAllDocuments } from 'yaml';
import { readInput } from '../config/load.ts';
import {
  type FoundConfigurations,
  findConfigurations,
} from '../envoy-gateway/find-configurations.ts';
import { OfframpError } from '../errors.ts';
import { maxStateLength } from '../state/state-file.ts';

/** A file to check, and what it was recognised as. */
export type CheckInput = { readonly file: string; readonly text: string } & (
  | { readonly kind: 'configuration'; readonly folder: string }
  | { readonly kind: 'state' }
  | { readonly kind: 'envoy-gateway'; readonly found: FoundConfigurations }
);

/** Reads a file and recognises it by its content. Throws OfframpError. */
export function readCheckInput(file: string): CheckInput {
  const text = readInput(file, maxStateLength);
  const documents = parseAllDocuments(text, { prettyErrors: false });
  const [first, second] = Array.isArray(documents) ? documents : [];
  const top = isMap(first?.contents) ? first.contents : undefined;
  // A state file's `connectors` is a list, a configuration's is not.
  const isState = isSeq(top?.get('connectors', true));
  if (second === undefined && isState) return { kind: 'state', file, text };
  const found = findConfigurations(file, text);
  if (found.configurations.length + found.unreadable.length > 0) {
    return { kind: 'envoy-gateway', file, text, found };
  }
  if (isState) return { kind: 'state', file, text };
  const kind = top?.get('kind');
  const isAnothers = typeof kind === 'string' && !/offramp/i.test(kind);
  if (isAnothers || (second !== undefined && kind === undefined)) {
    throw new OfframpError('unsuitable-input', [
      `${file}: there is no EnvoyGateway configuration in it (a ConfigMap has it under ` +
        'data["envoy-gateway.yaml"]), and it is no configuration or state file of Offramp',
    ]);
  }
  return { kind: 'configuration', file, text, folder: dirname(resolve(file)) };
}
