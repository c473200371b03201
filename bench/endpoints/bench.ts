// What one translation costs with `emptyBackends.endpoints: hook`, with `slices`, and with policies on
// routes: Envoy Gateway's calls, one after the other, over gRPC to the real server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExtensionConnection } from '../../test/support/extension-connection.ts';
import { interleave, median, numberOption, numbersOption, printRow, timed } from '../measure.ts';
import { makeTranslation, type Translation } from './fleet.ts';
import { type BenchServer, startServer } from './server-process.ts';

type Transport = 'tcp' | 'unix';
const transports: readonly Transport[] = ['unix', 'tcp'];

const folder = mkdtempSync(join(tmpdir(), 'offramp-bench-'));
try {
  process.stdout.write('Milliseconds for one translation, median (least to most)\n\n');
  printRow(['EDS clusters', 'over', 'slices', 'hook', 'hook / slices', 'for each cluster']);
  printRow(Array.from({ length: 6 }, () => '---'));
  for (const clusters of numbersOption('clusters', [100, 1_000, 10_000])) {
    await withServers(clusters, compareEndpoints);
  }
  process.stdout.write('\n');
  printRow(['Routes', 'over', 'no policy', 'each has one', 'ratio', 'for each route']);
  printRow(Array.from({ length: 6 }, () => '---'));
  await withServers(2 * numberOption('policied', 1_000), comparePolicies);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Measured {
  readonly slices: BenchServer;
  readonly hook: BenchServer;
  readonly clusters: number;
  readonly translation: Translation;
  readonly rounds: number;
}

async function withServers(
  clusters: number,
  compare: (measured: Measured) => Promise<void>,
): Promise<void> {
  const [slices, hook] = await Promise.all([
    startServer({ endpoints: 'slices', clusters, folder }),
    startServer({ endpoints: 'hook', clusters, folder }),
  ]);
  const rounds = numberOption('rounds', clusters > 5_000 ? 5 : 15);
  try {
    await compare({ slices, hook, clusters, translation: makeTranslation(clusters), rounds });
  } finally {
    await Promise.all([slices.stop(), hook.stop()]);
  }
}

async function compareEndpoints({ slices, hook, clusters, translation, rounds }: Measured) {
  await expectSameAnswer(slices, hook, translation);
  const { endpoints, snapshot } = translation;
  const times = await interleave(
    transports.flatMap((over) => [
      {
        name: `slices ${over}`,
        measure: () => timed(() => slices[over].call('PostTranslateModify', snapshot)),
      },
      {
        name: `hook ${over}`,
        measure: () =>
          timed(async () => {
            await callAll(hook[over], 'PostEndpointsModify', endpoints);
            await hook[over].call('PostTranslateModify', snapshot);
          }),
      },
    ]),
    rounds,
  );
  for (const over of transports) {
    const [without = [], with_ = []] = [`slices ${over}`, `hook ${over}`].map((n) => times.get(n));
    printComparison([String(clusters), over], without, with_, clusters);
  }
}

async function comparePolicies({ slices, clusters, translation, rounds }: Measured) {
  const { routes, snapshot, policiedSnapshot } = translation;
  const times = await interleave(
    transports.flatMap((over) => [
      {
        name: `none ${over}`,
        measure: () => timed(() => slices[over].call('PostTranslateModify', snapshot)),
      },
      {
        name: `policied ${over}`,
        measure: () =>
          timed(async () => {
            await callAll(slices[over], 'PostRouteModify', routes);
            await slices[over].call('PostTranslateModify', policiedSnapshot);
          }),
      },
    ]),
    rounds,
  );
  for (const over of transports) {
    const [without = [], with_ = []] = [`none ${over}`, `policied ${over}`].map((n) =>
      times.get(n),
    );
    printComparison([String(clusters / 2), over], without, with_, clusters / 2);
  }
}

function printComparison(
  head: readonly string[],
  without: readonly number[],
  with_: readonly number[],
  calls: number,
): void {
  const ratio = `× ${(median(with_) / median(without)).toFixed(1)}`;
  const each = `${((1_000 * (median(with_) - median(without))) / calls).toFixed(0)} µs`;
  printRow([...head, describe(without), describe(with_), ratio, each]);
}

function describe(times: readonly number[]): string {
  const one = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  return `${one(median(times))} (${one(Math.min(...times))} to ${one(Math.max(...times))})`;
}

async function callAll(
  connection: ExtensionConnection,
  rpc: string,
  requests: readonly Uint8Array[],
): Promise<void> {
  for (const request of requests) await connection.call(rpc, request);
}

/** What is compared has to do the same, and something. */
async function expectSameAnswer(
  slices: BenchServer,
  hook: BenchServer,
  { endpoints, snapshot }: Translation,
): Promise<void> {
  const bySlices = await slices.unix.call('PostTranslateModify', snapshot);
  await callAll(hook.unix, 'PostEndpointsModify', endpoints);
  const byHook = await hook.unix.call('PostTranslateModify', snapshot);
  if (Buffer.compare(bySlices, byHook) !== 0) throw new Error('the answers differ');
  if (bySlices.length >= snapshot.length) throw new Error('no backendRef has left');
}
