import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Metrics } from '../../src/observe/metrics.ts';
import { Recorder } from '../../src/record/recorder.ts';
import { RecordingFolder } from '../../src/record/recording-folder.ts';
import { type LogLine, logSink } from '../support/running-server.ts';
import { encodeRequest } from '../support/xds.ts';

function start({ maxFiles = 20, maxBytes = 1e9, withSecrets = false } = {}) {
  const path = mkdtempSync(join(tmpdir(), 'offramp-recorder-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  const log: LogLine[] = [];
  const metrics = new Metrics('offramp');
  const recorder = new Recorder({
    folder: new RecordingFolder(path, { maxFiles, maxBytes }),
    withSecrets,
    metrics,
    log: pino(logSink(log)),
  });
  const counted = async () => {
    const { values } = await metrics.recordings.get();
    const of = (outcome: string) => values.find(({ labels }) => labels.outcome === outcome)?.value;
    return { ok: of('ok'), failed: of('failed'), dropped: of('dropped') };
  };
  const recorded = () =>
    readdirSync(path)
      .toSorted()
      .map((file) => digest(gunzipSync(readFileSync(join(path, file)))));
  return { path, log, recorder, counted, recorded };
}

/** A request in brief: comparing megabytes byte by byte takes minutes here. */
function digest(request: Uint8Array): string {
  return `${request.length} bytes, ${createHash('sha256').update(request).digest('hex')}`;
}

/** A request that takes some tenths of a second to write: its bytes cannot be compressed. */
function largeRequest(megabytes = 8): Buffer {
  const content = randomBytes(megabytes * 1e6).toString('latin1');
  return Buffer.from(encodeRequest({ clusters: [{ name: content }] }));
}

const small = (name: string) => Buffer.from(encodeRequest({ clusters: [{ name }] }));
const errors = (log: readonly LogLine[]) => log.filter(({ level }) => level === 50);

describe('requests that come faster than they can be written', () => {
  it('are dropped but for the one that is written and the last one, and counted', async () => {
    const { recorder, counted, recorded } = start();
    const first = largeRequest();
    recorder.record(first);
    await nextTurn();
    for (const name of ['b', 'c', 'd', 'e']) recorder.record(small(name));
    await recorder.stop(30_000);
    expect(recorded()).toEqual([first, small('e')].map(digest));
    expect(await counted()).toEqual({ ok: 2, failed: 0, dropped: 3 });
  });

  it('are held in memory two at a time', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: unknown = runInNewContext('gc');
    if (typeof collectGarbage !== 'function') throw new Error('no gc');
    const { recorder, counted } = start();
    const held: WeakRef<Uint8Array>[] = [];
    const comes = () => {
      const request = largeRequest();
      held.push(new WeakRef(request));
      recorder.record(request);
    };
    const alive = async () => {
      await nextTurn(); // a WeakRef keeps what was just read until the turn is over
      collectGarbage();
      return held.filter((request) => request.deref() !== undefined).length;
    };
    for (let count = 0; count < 3; count++) comes();
    expect(await alive()).toBe(2);
    for (let count = 0; count < 3; count++) comes();
    expect(await alive()).toBe(2);
    await vi.waitFor(async () => expect((await counted()).ok).toBe(1), 30_000);
    for (let count = 0; count < 3; count++) comes();
    expect(await alive()).toBe(2);
    await recorder.stop(30_000);
    expect(await alive()).toBe(0);
  });

  it('are all recorded when the disk keeps up', async () => {
    const { recorder, recorded } = start();
    for (const name of ['a', 'b', 'c', 'd']) {
      recorder.record(small(name));
      await vi.waitFor(() => expect(recorded()).toContain(digest(small(name))), 30_000);
    }
    expect(recorded()).toEqual(['a', 'b', 'c', 'd'].map(small).map(digest));
  });
});

describe('a folder that cannot be written to', () => {
  it('is told once until it is back, and each miss is counted', async () => {
    const { path, log, recorder, counted, recorded } = start();
    const record = async (name: string) => {
      const before = await counted();
      recorder.record(small(name));
      await vi.waitFor(async () => expect(await counted()).not.toEqual(before), 30_000);
    };
    renameSync(path, `${path}.away`);
    onTestFinished(() => rmSync(`${path}.away`, { recursive: true, force: true }));
    await record('a');
    await record('b');
    await record('c');
    expect(await counted()).toEqual({ ok: 0, failed: 3, dropped: 0 });
    expect(errors(log)).toEqual([
      expect.objectContaining({
        folder: path,
        err: expect.objectContaining({ code: 'ENOENT' }),
        msg: expect.stringContaining('its answer is unaffected'),
      }),
    ]);
    renameSync(`${path}.away`, path);
    await record('d');
    expect(recorded()).toEqual([small('d')].map(digest));
    expect(log.at(-1)?.msg).toBe('hook requests are recorded again');
    renameSync(path, `${path}.away`);
    await record('e');
    expect(errors(log)).toHaveLength(2);
  });

  it('does not hide another reason', async () => {
    const { path, log, recorder, counted } = start({ maxBytes: 1_000 });
    recorder.record(largeRequest(1));
    await vi.waitFor(async () => expect((await counted()).failed).toBe(1), 30_000);
    rmSync(path, { recursive: true });
    recorder.record(small('a'));
    await vi.waitFor(async () => expect((await counted()).failed).toBe(2), 30_000);
    expect(errors(log).map(({ err }) => err)).toEqual([
      expect.objectContaining({ code: 'RECORDING_TOO_LARGE' }),
      expect.objectContaining({ code: 'ENOENT' }),
    ]);
  });
});

it('records a malformed envelope only where secrets may be recorded: nobody can tell them apart', async () => {
  const malformed = largeRequest(1).subarray(0, 1_000);
  const { recorder, counted, recorded } = start();
  recorder.record(malformed);
  await recorder.stop(30_000);
  expect(recorded()).toEqual([]);
  expect(await counted()).toEqual({ ok: 0, failed: 0, dropped: 1 });
  const all = start({ withSecrets: true });
  all.recorder.record(malformed);
  await all.recorder.stop(30_000);
  expect(all.recorded()).toEqual([digest(malformed)]);
});

describe('the end', () => {
  it('waits for what is held', async () => {
    const { recorder, recorded } = start();
    const first = largeRequest(2);
    recorder.record(first);
    recorder.record(small('b'));
    await recorder.stop(30_000);
    expect(recorded()).toEqual([first, small('b')].map(digest));
  });

  it('comes in time all the same, with nothing half-written', async () => {
    const { path, recorder, counted } = start();
    recorder.record(largeRequest(30));
    await nextTurn();
    recorder.record(small('b'));
    const started = performance.now();
    await recorder.stop(10);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(readdirSync(path)).toEqual([]);
    expect(await counted()).toEqual({ ok: 0, failed: 1, dropped: 1 });
  });
});
