import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../src/observe/metrics.ts';
import { FolderRetrigger } from '../../src/retrigger/folder-retrigger.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { captures } from '../support/captures.ts';
import { type LogLine, logSink } from '../support/running-server.ts';

function start(folder: string) {
  const log: LogLine[] = [];
  const metrics = new Metrics('offramp');
  const retrigger = new FolderRetrigger({ folder, metrics, log: pino(logSink(log)) });
  onTestFinished(() => retrigger.stop());
  const counted = async () =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('offramp_retriggers_total'));
  return { retrigger, log, counted };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-retrigger-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const snapshots = captures.map(({ request }) => readSnapshot(request));
const files = ['default.east', 'default.eg', 'default.west'].map(
  (gateway) => `offramp-retrigger.${gateway}.yaml`,
);

describe('a change of state', () => {
  it('writes a route for each Gateway that a snapshot named, and a new host name each time', () => {
    const folder = temporaryFolder();
    const { retrigger } = start(folder);
    retrigger.stateChanged('online');
    expect(readdirSync(folder)).toEqual([]);
    for (const snapshot of snapshots) retrigger.watchCall().answered(snapshot, []);
    retrigger.stateChanged('offline');
    expect(readdirSync(folder).toSorted()).toEqual(files);
    const read = () =>
      parse(readFileSync(join(folder, 'offramp-retrigger.default.east.yaml'), 'utf8'));
    const first = read();
    expect(first).toMatchObject({
      kind: 'HTTPRoute',
      metadata: { name: 'offramp-retrigger-east', namespace: 'default' },
      spec: {
        parentRefs: [{ kind: 'Gateway', namespace: 'default', name: 'east' }],
        hostnames: [expect.stringMatching(/^g[0-9a-f]{12}\.offramp\.invalid$/)],
      },
    });
    retrigger.stateChanged('online');
    expect(read().spec.hostnames).not.toEqual(first.spec.hostnames);
  });

  it('writes the route of a Gateway that shows up while it happens', async () => {
    const folder = temporaryFolder();
    const { retrigger } = start(folder);
    retrigger.stateChanged('online');
    const watch = retrigger.watchCall();
    retrigger.stateChanged('offline');
    for (const snapshot of snapshots) watch.answered(snapshot, []);
    await vi.waitFor(() => expect(readdirSync(folder).toSorted()).toEqual(files));
  });

  it('that leaves the state equal is no write, also after a restart', async () => {
    const folder = temporaryFolder();
    const before = start(folder);
    for (const snapshot of snapshots) before.retrigger.watchCall().answered(snapshot, []);
    before.retrigger.stateChanged('offline');
    before.retrigger.stateChanged('offline');
    expect(await before.counted()).toContain('offramp_retriggers_total{outcome="ok"} 3');
    const after = start(folder);
    after.retrigger.stateChanged('offline');
    expect(await after.counted()).toContain('offramp_retriggers_total{outcome="ok"} 0');
    after.retrigger.stateChanged('online');
    expect(await after.counted()).toContain('offramp_retriggers_total{outcome="ok"} 3');
  });

  it('is written later when the folder cannot be written to, and told once', async () => {
    const folder = join(temporaryFolder(), 'not-yet');
    const { retrigger, log, counted } = start(folder);
    for (const snapshot of snapshots) retrigger.watchCall().answered(snapshot, []);
    retrigger.stateChanged('offline');
    expect(await counted()).toContain('offramp_retriggers_total{outcome="failed"} 1');
    expect(log.filter(({ level }) => level === 50)).toHaveLength(1);
    mkdirSync(folder);
    await vi.waitFor(() => expect(readdirSync(folder).toSorted()).toEqual(files), 5_000);
  });
});
