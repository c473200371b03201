import { describe, expect, it } from 'vitest';
import { CallBudget } from '../../src/server/call-budget.ts';
import { atOnce, type Steps } from '../../src/steps.ts';

const enoughToLook = 64 * 1024;

/** A call of three steps, with a clock that each of them, and each pause between them, moves on. */
function call(budget: number, step: number, pause: number): () => void {
  let time = 0;
  const allowed = new CallBudget(budget, () => time);
  function* work(): Steps<void> {
    for (let index = 0; index < 3; index++) {
      time += step;
      allowed.spend(enoughToLook);
      yield;
    }
  }
  function* withPauses(): Steps<void> {
    const steps = allowed.count(work());
    while (steps.next().done !== true) {
      yield;
      time += pause;
    }
  }
  return () => atOnce(withPauses());
}

describe('the budget of a call', () => {
  it('is what its own steps take, all together', () => {
    expect(call(100, 33, 0)).not.toThrow();
    expect(call(100, 34, 0)).toThrow(/more than 100 ms of computing/);
  });

  it('is not used up by what happens between them', () => {
    expect(call(100, 33, 1_000)).not.toThrow();
  });
});
