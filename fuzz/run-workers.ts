import { Worker } from 'node:worker_threads';
import {
  type Assignment,
  addUp,
  type Finding,
  type FromWorker,
  idle,
  newTally,
  type Tally,
} from './worker-protocol.ts';

/** What is to be tried, and for how long. */
export interface Plan extends Pick<Assignment, 'seed' | 'test' | 'captures'> {
  readonly worker: URL;
  readonly workers: number;
  /** Cases; undefined: as many as the time allows. */
  readonly count: number | undefined;
  readonly seconds: number | undefined;
  /** A case that takes longer hangs. */
  readonly boundMs: number;
  /** Told every few seconds, and whenever something is found. */
  readonly progress: (tally: Tally, findings: readonly Finding[]) => void;
  readonly found: (finding: Finding) => void;
}

/** What was tried, and what was found. */
export interface Result {
  readonly tally: Tally;
  readonly findings: readonly Finding[];
}

const progressMs = 5_000;
/** Findings after which there is nothing more to learn. */
const enough = 20;

/** Tries cases in worker threads, so that one that hangs, or takes all memory, is found too. */
export async function runWorkers(plan: Plan): Promise<Result> {
  const tally = newTally();
  const findings: Finding[] = [];
  const isOver = deadline(plan.seconds);
  const stop = () => findings.length >= enough || isOver();
  const note = (finding: Finding) => {
    findings.push(finding);
    plan.found(finding);
  };
  const progress = setInterval(() => plan.progress(tally, findings), progressMs);
  const all = Array.from({ length: plan.workers }, (_, first) =>
    keepWorking(plan, first, { tally, note, stop }),
  );
  await Promise.all(all).finally(() => clearInterval(progress));
  return { tally, findings };
}

function deadline(seconds: number | undefined): () => boolean {
  if (seconds === undefined) return () => false;
  const end = Date.now() + seconds * 1_000;
  return () => Date.now() >= end;
}

interface Sink {
  readonly tally: Tally;
  readonly note: (finding: Finding) => void;
  readonly stop: () => boolean;
}

/** One worker after the other: where one hung or died, the next goes on behind that case. */
async function keepWorking(plan: Plan, first: number, sink: Sink): Promise<void> {
  let next: number | undefined = first;
  while (next !== undefined) next = await workFrom(plan, next, sink);
}

/** Answers where to go on; undefined when all is done. */
function workFrom(plan: Plan, first: number, sink: Sink): Promise<number | undefined> {
  const clock = new Float64Array(new SharedArrayBuffer(16));
  clock[0] = idle;
  const { seed, test, captures, count: end, workers: step } = plan;
  const assignment: Assignment = { seed, first, step, end, test, captures, clock };
  const worker = new Worker(plan.worker, { workerData: assignment });
  return new Promise((resolve) => {
    const finish = (next: number | undefined) => {
      clearInterval(watch);
      void worker.terminate().then(() => resolve(next));
    };
    const fail = (problem: string) => {
      const [number = idle] = clock;
      sink.note({ id: `${seed}:${number}`, original: '', problem });
      finish(number === idle || sink.stop() ? undefined : number + step);
    };
    const watch = setInterval(() => {
      const [number = idle, began = 0] = clock;
      if (number !== idle && Date.now() - began > plan.boundMs) {
        fail(`hang: after ${plan.boundMs / 1_000} s it is not done`);
      } else if (sink.stop()) finish(undefined);
    }, 100);
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'tally') addUp(sink.tally, message.tally);
      else if (message.kind === 'finding') sink.note(message.finding);
      else finish(undefined);
    });
    worker.on('error', (error) => fail(`crash of the worker: ${error.message}`));
  });
}
