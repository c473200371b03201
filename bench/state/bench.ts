// What a state of 10,000 connectors costs: memory, the first read, one change, and what a hook call reads
// of it. Runs in vitest, for the testbed's sake; asserts nothing about times.
import { expect, it } from 'vitest';
import { installDatumCrds, installGatewayCrds } from '../../test/e2e/support/kubernetes/crds.ts';
import {
  type RunningKubernetes,
  startKubernetes,
} from '../../test/e2e/support/kubernetes/kubernetes.ts';
import {
  connector,
  connectorStatus,
  httpProxy,
  httpRoute,
} from '../../test/e2e/support/kubernetes/objects.ts';
import { interleave, median, printRow } from '../measure.ts';
import { viewContenders } from './rebuilding.ts';
import { startWatching, type WatchingOfframp } from './watching-offramp.ts';

const size = Number(process.env.BENCH_OBJECTS ?? 10_000);
const fewSize = 100;
const rounds = 6;
const namespaces = { few: fewSize, fleet: size };

it('prints what the view of the state costs', async () => {
  for (const count of [fewSize, size]) {
    const times = await interleave(viewContenders(count), 15);
    process.stdout.write(`\n${count} connectors, in process\n\n`);
    printTable([
      ['', 'ms'],
      ...[...times].map(([name, values]) => [name, median(values).toFixed(4)]),
    ]);
    expect(times.size).toBe(3);
  }
});

it('prints what a state of many connectors costs in a server', async () => {
  const kubernetes = await startKubernetes();
  const started: WatchingOfframp[] = [];
  const start = async (within: readonly string[]) => {
    const one = await startWatching(kubernetes.kubeconfig, kubernetes.folder, within);
    started.push(one);
    return one;
  };
  try {
    await installDatumCrds(kubernetes);
    await installGatewayCrds(kubernetes);
    for (const [namespace, count] of Object.entries(namespaces)) {
      await applyFleet(kubernetes, namespace, count);
    }
    const few = await start(['few']);
    const all = await start([]);
    const cost = await costOfChanges(kubernetes, few, all);
    process.stdout.write(
      `\n${size} Connectors, HTTPProxies and HTTPRoutes, and ${fewSize} of each\n\n`,
    );
    printTable([
      ['', `${fewSize}`, `${size}`, 'ratio'],
      ['first read, ms', ...compare(few.syncedAfter, all.syncedAfter)],
      ['peak memory, MB', ...compare(megabytes(few), megabytes(all))],
      ['one change, ms computed', ...compare(cost.few, cost.all)],
    ]);
  } finally {
    await Promise.all(started.map(({ program }) => program.stop()));
    await kubernetes.stop();
  }
});

async function applyFleet(
  kubernetes: RunningKubernetes,
  namespace: string,
  count: number,
): Promise<void> {
  await kubernetes.kubectl(['create', 'namespace', namespace]);
  const names = Array.from({ length: count }, (_, at) => `${namespace}-${at}`);
  await kubernetes.apply(names.map((name) => withStatus(connector(name, namespace), true)));
  const endpoint = 'http://home:8123';
  await kubernetes.apply(
    names.map((name) => httpProxy(name, [{ connector: name, endpoint }], namespace)),
  );
  const backends = [{ kind: 'Service', name: 'app' }];
  await kubernetes.apply(names.map((name) => httpRoute({ name, namespace, backends })));
  process.stderr.write(`${namespace}: ${count} of each are there\n`);
}

function withStatus(one: ReturnType<typeof connector>, online: boolean) {
  const status = JSON.stringify(connectorStatus(online, `node-of-${one.metadata.name}`));
  const annotations = { 'networking.datumapis.com/upstream-status': status };
  return { ...one, metadata: { ...one.metadata, annotations } };
}

/** Milliseconds computed for a change that both servers watch, where one of them knows many more objects. */
async function costOfChanges(
  kubernetes: RunningKubernetes,
  few: WatchingOfframp,
  all: WatchingOfframp,
): Promise<{ readonly few: number; readonly all: number }> {
  const costs = { few: [] as number[], all: [] as number[] };
  const names = Array.from({ length: fewSize }, (_, at) => `few-${at}`);
  for (let round = 0; round < rounds; round++) {
    const online = round % 2 === 1;
    const before = { few: few.computed(), all: all.computed() };
    await kubernetes.apply(names.map((name) => withStatus(connector(name, 'few'), online)));
    await few.untilOnline(online ? fewSize : 0);
    await all.untilOnline(size + (online ? fewSize : 0));
    costs.few.push((few.computed() - before.few) / fewSize);
    costs.all.push((all.computed() - before.all) / fewSize);
  }
  return { few: median(costs.few), all: median(costs.all) };
}

function megabytes({ program }: WatchingOfframp): number {
  return (program.memory('peak') ?? Number.NaN) / 1e6;
}

function compare(one: number, other: number): string[] {
  return [one.toFixed(2), other.toFixed(2), (other / one).toFixed(2)];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const [head = [], ...others] = rows;
  printRow(head);
  printRow(head.map(() => '---'));
  for (const row of others) printRow(row);
}
