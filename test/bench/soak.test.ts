import { describe, expect, it } from 'vitest';
import { doChores } from '../../bench/soak/chores.ts';
import { okCalls } from '../../bench/soak/http-port.ts';
import { readOpenThings, sampleProcess } from '../../bench/soak/process-usage.ts';
import { formatResult } from '../../bench/soak/table.ts';
import { judge } from '../../bench/soak/verdict.ts';

const megabytes = (...each: number[]) =>
  each.map((memory) => ({ memory: memory * 1e6, descriptors: 20 }));
const atRest = { before: { descriptors: 20, Timeout: 3 }, after: { descriptors: 20, Timeout: 3 } };
const flat = { samples: megabytes(100, 120, 130, 140, 110, 130), atRest, failures: [] };

describe('the verdict of a soak', () => {
  it('lets memory come and go within a tenth of the first third', () => {
    const { reasons, growth } = judge(flat);
    expect(reasons).toEqual([]);
    expect(growth).toBeCloseTo(240 / 220);
  });

  it('fails for memory that grew by more than that', () => {
    const { reasons } = judge({ ...flat, samples: megabytes(100, 120, 130, 140, 110, 133) });
    expect(reasons).toEqual(['memory grew: the last third has 1.10 times the first']);
  });

  it('fails for one failure', () => {
    expect(judge({ ...flat, failures: ['call 1: wrong'] }).reasons).toEqual(['1 failures']);
  });

  it('fails for what is open afterwards and was not before, of any kind', () => {
    const after = { descriptors: 19, Timeout: 4, FSReqCallback: 1 };
    expect(judge({ ...flat, atRest: { ...atRest, after } }).leaked).toEqual([
      '1 Timeout',
      '1 FSReqCallback',
    ]);
  });

  it('needs enough samples', () => {
    expect(() => judge({ ...flat, samples: megabytes(1, 2) })).toThrow('three samples');
  });
});

describe('the table of a soak', () => {
  const counts = { calls: 9, 'changes of state': 2, scrapes: 3, rotations: 1 };

  it('has the thirds, and ends with the judgement', () => {
    const verdict = judge(flat);
    expect(formatResult({ ...flat, counts, verdict }).split('\n')).toEqual([
      '              memory, mean MB  peak MB  descriptors',
      'first third               110      120  20 to 20',
      'second third              135      140  20 to 20',
      'last third                120      130  20 to 20',
      '',
      '9 calls, 2 changes of state, 3 scrapes, 1 rotations, 0 failures',
      'the last third has 1.09 times the memory of the first',
      'nothing was left open',
      'passed',
    ]);
  });

  it('says why it failed', () => {
    const after = { descriptors: 23 };
    const verdict = judge({ ...flat, atRest: { ...atRest, after } });
    expect(formatResult({ ...flat, counts, verdict })).toContain(
      'left open: 3 descriptors\nFAILED: left open: 3 descriptors',
    );
  });
});

describe('what a soak looks at', () => {
  it('is the memory and the descriptors of a process', () => {
    const { memory, descriptors } = sampleProcess(process.pid);
    expect(memory / process.memoryUsage().rss).toBeCloseTo(1, 0);
    expect(descriptors).toBeGreaterThan(2);
    expect(() => sampleProcess(2 ** 30)).toThrow('ENOENT');
  });

  it('is what Node has open, and the calls that were answered well, in metrics', () => {
    const metrics = `nodejs_active_resources{type="TTYWrap"} 1
nodejs_active_resources{type="Timeout"} 12
offramp_hook_calls_total{outcome="invalid"} 3
offramp_hook_calls_total{outcome="ok"} 45
`;
    expect(readOpenThings(metrics)).toEqual({ TTYWrap: 1, Timeout: 12 });
    expect(okCalls(metrics)).toBe(45);
  });
});

describe('the chores of a soak', () => {
  it('are each done in their interval, also after one went wrong, which is told', async () => {
    const failures: string[] = [];
    let done = 0;
    const chore = {
      name: 'sweep',
      everyMs: 20,
      work: () => {
        if (++done === 2) throw new Error('no broom');
      },
    };
    await doChores([chore], 110, (what) => failures.push(what));
    expect(done).toBe(5);
    expect(failures).toEqual(['sweep: no broom']);
  });
});
