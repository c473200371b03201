import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LeftBuffers } from '../../src/process/left-buffers.ts';

const megabyte = 2 ** 20;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function memoryWith(megabytes: number) {
  const collected: string[] = [];
  return {
    bytesOfBuffers: () => megabytes * megabyte,
    collectYoung: () => void collected.push('young'),
    beginCollecting: () => void collected.push('all'),
    collected,
  };
}

it('collects what is young once nobody has called for a while', () => {
  const memory = memoryWith(20);
  const left = new LeftBuffers(() => true, memory);
  left.callEnded();
  vi.advanceTimersByTime(150);
  left.callEnded();
  vi.advanceTimersByTime(150);
  expect(memory.collected).toEqual([]);
  vi.advanceTimersByTime(50);
  expect(memory.collected).toEqual(['young']);
  vi.advanceTimersByTime(10_000);
  expect(memory.collected).toEqual(['young']);
});

it('does not while a call is under way, and does when that has ended', () => {
  const memory = memoryWith(20);
  let isIdle = false;
  const left = new LeftBuffers(() => isIdle, memory);
  left.callEnded();
  vi.advanceTimersByTime(1_000);
  expect(memory.collected).toEqual([]);
  isIdle = true;
  left.callEnded();
  vi.advanceTimersByTime(200);
  expect(memory.collected).toEqual(['young']);
});

it('leaves small calls to V8', () => {
  const memory = memoryWith(2);
  const left = new LeftBuffers(() => true, memory);
  left.callEnded();
  vi.advanceTimersByTime(1_000);
  expect(memory.collected).toEqual([]);
});

it('collects all when much is left, whoever calls', () => {
  const memory = memoryWith(150);
  const left = new LeftBuffers(() => false, memory);
  left.callEnded();
  vi.advanceTimersByTime(150);
  left.callEnded();
  vi.advanceTimersByTime(50);
  expect(memory.collected).toEqual(['all']);
});
