import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { expect, it } from 'vitest';
import { readCorpus } from '../../fuzz/corpus.ts';
import { decodingError, judge } from '../../fuzz/judge.ts';
import { makeCase } from '../../fuzz/make-case.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { requestFromResponse } from '../support/xds.ts';
import { whyEnvoyRefuses } from './support/validate-snapshot.ts';

/** Answers that Envoy is asked about; `OFFRAMP_FUZZ_SAMPLE=200` for more, about four minutes. */
const sample = Number(process.env.OFFRAMP_FUZZ_SAMPLE ?? 30);
const seed = process.env.OFFRAMP_FUZZ_SEED ?? randomBytes(4).toString('hex');
/** Of the requests made, Envoy takes about every second as it came. */
const mostCases = sample * 20;

it(`Envoy takes what was made of mutated snapshots that it takes (seed ${seed})`, async () => {
  const corpus = readCorpus(join(import.meta.dirname, '..'));
  const refused: string[] = [];
  let looked = 0;
  for (let number = 0; number < mostCases && looked < sample; number++) {
    const tried = makeCase(corpus, seed, number);
    const { outcome, response } = judge(corpus.schema.root, tried);
    if (outcome !== 'rewritten' || response === undefined) continue;
    const came = readSnapshot(tried.request);
    if (came.resources.some((one) => decodingError(corpus.schema.root, one) !== undefined))
      continue;
    if ((await whyEnvoyRefuses(came)) !== undefined) continue;
    looked++;
    const why = await whyEnvoyRefuses(requestFromResponse(response));
    if (why !== undefined) refused.push(`${tried.id} (${tried.original}): ${why}`);
  }
  expect(refused).toEqual([]);
  expect(looked).toBe(sample);
}, 1_800_000);
