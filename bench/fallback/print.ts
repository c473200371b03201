// What the control-plane fallback costs requests. Runs in vitest, for the testbed's sake; asserts
// nothing about times.
import { it } from 'vitest';
import { printRow } from '../measure.ts';
import { compareGateways } from './compare-gateways.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? '40');

it('prints what the fallback costs', async () => {
  const rows = await compareGateways(rounds);
  process.stdout.write(`\nMicroseconds, medians, ${rounds} rounds of 100 requests\n\n`);
  printRow(['Request', 'without', 'with', 'with / without', 'of single rounds']);
  printRow(Array.from({ length: 5 }, () => '---'));
  for (const { request, without, fallback, ratio, quartiles } of rows) {
    const [low, high] = quartiles.map((one) => one.toFixed(2));
    printRow([request, without, fallback, ratio.toFixed(2), `${low} to ${high}`]);
  }
});
