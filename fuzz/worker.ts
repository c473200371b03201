// One worker: makes cases, tries them, tells what they came to.
import { parentPort, workerData } from 'node:worker_threads';
import { type Corpus, readCorpus } from './corpus.ts';
import { judge } from './judge.ts';
import { makeCase } from './make-case.ts';
import { type Assignment, addUp, type FromWorker, idle, newTally } from './worker-protocol.ts';

const assignment: Assignment = workerData;
const tell = (message: FromWorker) => parentPort?.postMessage(message);

/** Cases between two reports. */
const batch = 50;

function work({ seed, first, step, end = Number.MAX_SAFE_INTEGER, clock }: Assignment): void {
  const corpus = readCorpus(assignment.test, assignment.captures);
  let tally = newTally();
  for (let number = first; number < end; number += step) {
    clock[1] = Date.now();
    clock[0] = number;
    addUp(tally, tryCase(corpus, seed, number));
    clock[0] = idle;
    if (tally.cases < batch) continue;
    tell({ kind: 'tally', tally });
    tally = newTally();
  }
  tell({ kind: 'tally', tally });
  tell({ kind: 'done' });
}

function tryCase(corpus: Corpus, seed: string, number: number) {
  const tried = makeCase(corpus, seed, number);
  const { id, original } = tried;
  const { outcome, decoded, ms, problem } = judge(corpus.schema.root, tried);
  if (problem !== undefined) tell({ kind: 'finding', finding: { id, original, problem } });
  return { ...newTally(), cases: 1, [outcome]: 1, decoded, slowest: { ms, id } };
}

work(assignment);
