import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ownMemory } from '../../src/process/left-buffers.ts';

const megabyte = 2 ** 20;

let collections = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const { detail } = entry as PerformanceEntry & { readonly detail: { readonly kind: number } };
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
  }
});
beforeAll(() => observer.observe({ entryTypes: ['gc'] }));
afterAll(() => observer.disconnect());

/** Waits until V8 has collected everything by itself, once more than before; throws when it does not. */
async function untilCollected(before = collections): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (collections > before) return;
    await sleep(20);
  }
  throw new Error('V8 has not collected everything within 10 s');
}

it('frees buffers of calls that have ended', async () => {
  const buffers = Array.from({ length: 150 }, () => Buffer.alloc(megabyte, 1));
  ownMemory.beginCollecting();
  await untilCollected();
  expect(ownMemory.bytesOfBuffers()).toBeGreaterThan(150 * megabyte);
  buffers.length = 0;
  // What is being marked already may keep what was there when that began.
  for (let round = 0; round < 10 && ownMemory.bytesOfBuffers() > 100 * megabyte; round++) {
    ownMemory.beginCollecting();
    await untilCollected();
  }
  expect(ownMemory.bytesOfBuffers()).toBeLessThan(100 * megabyte);
});

it('frees what it pushes V8 with as soon as what is young is collected', async () => {
  const before = process.memoryUsage();
  for (let round = 0; round < 3; round++) {
    const collectedBefore = collections;
    ownMemory.beginCollecting();
    ownMemory.collectYoung();
    const most = before.arrayBuffers + 32 * megabyte;
    await vi.waitFor(() => expect(ownMemory.bytesOfBuffers()).toBeLessThan(most));
    // Pushed again while it still marks, V8 would collect everything there and then, and keep the new buffer.
    await untilCollected(collectedBefore);
  }
  expect(process.memoryUsage.rss()).toBeLessThan(before.rss + 48 * megabyte);
});

it('keeps the optimised code of a call, though its objects are all gone', async () => {
  setFlagsFromString('--allow-natives-syntax');
  const isOptimised = runInNewContext('(f) => (%GetOptimizationStatus(f) & 16) !== 0');
  class Range {
    start = 0;
    end = 0;
    constructor(start: number) {
      this.start = start;
      this.end = start + 1;
    }
  }
  const rangeFrom = (start: number) => new Range(start);
  const lengthOf = (range: Range) => range.end - range.start;
  const call = () => {
    const ranges = Array.from({ length: 10_000 }, (_, start) => rangeFrom(start));
    return ranges.reduce((sum, range) => sum + lengthOf(range), 0);
  };
  // Asked for, as V8 never gets to it where it has made the function a part of those that call it.
  const optimiseAtNextCall = runInNewContext('(f) => %OptimizeFunctionOnNextCall(f)');
  const optimise = async () => {
    for (let round = 0; round < 500 && !isOptimised(lengthOf); round++) {
      expect(call()).toBe(10_000);
      optimiseAtNextCall(lengthOf);
      expect(lengthOf(rangeFrom(1))).toBe(1);
      await sleep(1); // code that is being made already is put in place between two calls
    }
    expect(isOptimised(lengthOf)).toBe(true);
  };
  let kept = 0;
  for (let round = 0; round < 10; round++) {
    await optimise();
    call();
    ownMemory.beginCollecting();
    await untilCollected();
    if (isOptimised(lengthOf)) kept += 1;
  }
  // Nearly always: V8 may end its steps early, with a stretch of what is left. A collection by `gc()` keeps it never.
  expect(kept).toBeGreaterThanOrEqual(4);
});
