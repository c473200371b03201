import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { type Original, readCorpus } from '../../fuzz/corpus.ts';
import { decodingError, judge } from '../../fuzz/judge.ts';
import { type Case, makeCase } from '../../fuzz/make-case.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { requestFromResponse } from '../support/xds.ts';
import { whyEnvoyRefuses } from './support/validate-snapshot.ts';

const corpus = readCorpus(join(import.meta.dirname, '..'));

/** Answers that Envoy is asked about; `OFFRAMP_FUZZ_SAMPLE=200` for more, about four minutes. */
const sample = Number(process.env.OFFRAMP_FUZZ_SAMPLE ?? 30);
const seed = process.env.OFFRAMP_FUZZ_SEED ?? randomBytes(4).toString('hex');
/** Of the requests made, Envoy takes about every second as it came. */
const mostCases = sample * 20;
const boundMs = 1_800_000;

describe('Envoy takes the answer wherever it takes the request', () => {
  it(
    'of golden inputs',
    async () => {
      const { looked, refused } = await tryAll(corpus.originals.flatMap(toCase), Infinity);
      expect(refused).toEqual([]);
      expect(looked).toBeGreaterThan(30);
    },
    boundMs,
  );

  it(
    `of mutated snapshots (seed ${seed})`,
    async () => {
      const cases = Array.from(
        { length: mostCases },
        (_, number) => () => makeCase(corpus, seed, number),
      );
      const { looked, refused } = await tryAll(cases, sample);
      expect(refused).toEqual([]);
      expect(looked).toBe(sample);
    },
    boundMs,
  );
});

/** A golden input as it is, in the world that it is made for. */
function toCase({ name, request, state, settings }: Original): (() => Case)[] {
  if (state === undefined || settings === undefined) return [];
  return [() => ({ id: name, original: name, request, state, settings })];
}

/** Asks about cases until `enough` have been looked at: those that were rewritten, and came well. */
async function tryAll(cases: readonly (() => Case)[], enough: number) {
  const refused: string[] = [];
  let looked = 0;
  for (const make of cases) {
    if (looked >= enough) break;
    const tried = make();
    const why = await tryCase(tried);
    if (why === 'not comparable') continue;
    looked++;
    if (why !== undefined) refused.push(`${tried.id} (${tried.original}): ${why}`);
  }
  return { looked, refused };
}

/** Why Envoy refuses the answer; not comparable where nothing changed, or the request is no better. */
async function tryCase(tried: Case): Promise<string | undefined> {
  const { outcome, response } = judge(corpus.schema.root, tried);
  if (outcome !== 'rewritten' || response === undefined) return 'not comparable';
  const came = readSnapshot(tried.request);
  if ([...came.resources].some((one) => decodingError(corpus.schema.root, one) !== undefined)) {
    return 'not comparable';
  }
  if ((await whyEnvoyRefuses(came)) !== undefined) return 'not comparable';
  return await whyEnvoyRefuses(requestFromResponse(response));
}
