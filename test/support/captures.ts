import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'captures');

/** A hook request that a real Envoy Gateway sent. */
export interface Capture {
  /** Path below test/captures. */
  readonly name: string;
  readonly request: Uint8Array;
}

/** Every recorded PostTranslateModifyRequest. */
export const captures: readonly Capture[] = readdirSync(folder, { recursive: true })
  .map(String)
  .filter((name) => /post-translate-modify[^/]*\.binpb$/.test(name))
  .map((name) => ({ name, request: readFileSync(join(folder, name)) }));
