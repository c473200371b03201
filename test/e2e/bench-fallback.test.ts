import { expect, it } from 'vitest';
import { compareGateways } from '../../bench/fallback/compare-gateways.ts';

it('the benchmark of the fallback runs, on two Gateways that answer alike', async () => {
  const rows = await compareGateways(1);
  expect(rows).toHaveLength(4);
  for (const { without, fallback, ratio } of rows) {
    expect(Math.min(without, fallback)).toBeGreaterThan(0);
    expect(ratio).toBeCloseTo(fallback / without);
  }
});
