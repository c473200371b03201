import { describe, expect, it } from 'vitest';
import { type Plan, runWorkers } from '../../fuzz/run-workers.ts';

const plan: Omit<Plan, 'worker'> = {
  seed: 'seed',
  test: '',
  captures: [],
  workers: 1,
  count: 6,
  seconds: undefined,
  boundMs: 300,
  progress: () => undefined,
  found: () => undefined,
};

/** A worker that tells of each case as the real one does, but at case 2 does this. */
function workerThat(atCase2: string): URL {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { first, step, end, clock } = workerData;
    for (let number = first; number < end; number += step) {
      clock[1] = Date.now();
      clock[0] = number;
      if (number === 2) ${atCase2};
      const counts = { cases: 1, refused: 0, kept: 1, rewritten: 0, decoded: 0 };
      parentPort.postMessage({ kind: 'tally', tally: { ...counts, slowest: { ms: 1, id: '' } } });
      clock[0] = -1;
    }
    parentPort.postMessage({ kind: 'done' });`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

describe('the workers', () => {
  it('try every case once, each of them its own', async () => {
    const { tally, findings } = await runWorkers({ ...plan, worker: workerThat(''), workers: 2 });
    expect(tally.cases).toBe(6);
    expect(findings).toEqual([]);
  });

  it('are ended when a case hangs, which is a finding, and the others are tried', async () => {
    const worker = workerThat('for (;;);');
    const { tally, findings } = await runWorkers({ ...plan, worker });
    expect(findings).toMatchObject([{ id: 'seed:2', problem: 'hang: after 0.3 s it is not done' }]);
    expect(tally.cases).toBe(5);
  });

  it('that die are a finding too', async () => {
    const worker = workerThat('throw new RangeError("too deep")');
    const { tally, findings } = await runWorkers({ ...plan, worker });
    expect(findings).toMatchObject([{ id: 'seed:2', problem: 'crash of the worker: too deep' }]);
    expect(tally.cases).toBe(5);
  });

  it('end when the time is over', async () => {
    const worker = workerThat('for (;;);');
    const late = { ...plan, boundMs: 60_000, seconds: 0.5, count: undefined };
    const { findings } = await runWorkers({ ...late, worker });
    expect(findings).toEqual([]);
  });
});
