import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  isPartial,
  isRecording,
  partialName,
  recordingName,
} from '../../src/record/recording-name.ts';

it('names a recording by the time of its call, in UTC, and its number', () => {
  const name = recordingName(new Date('2026-11-21T10:11:12.123Z'), 7);
  expect(name).toBe('offramp-2026-11-21T10-11-12.123Z-000007.binpb.gz');
});

it('gives names that sort as the calls came', () => {
  const moment = fc.record({
    at: fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
    sequence: fc.integer({ min: 1, max: 999_999 }),
  });
  fc.assert(
    fc.property(moment, moment, (one, other) => {
      const apart = one.at.getTime() - other.at.getTime() || one.sequence - other.sequence;
      const names = [one, other].map(({ at, sequence }) => recordingName(at, sequence));
      const sorted = apart > 0 ? names.toReversed() : names;
      expect(names.toSorted()).toEqual(sorted);
    }),
  );
});

it('knows its own names, and no others', () => {
  const name = recordingName(new Date(), 1_000_000);
  expect([isRecording(name), isPartial(name)]).toEqual([true, false]);
  expect([isRecording(partialName(name)), isPartial(partialName(name))]).toEqual([false, true]);
  for (const foreign of [
    'post-translate-modify.binpb.gz',
    'offramp-notes.txt',
    `${name}.bak`,
    `my-${name}`,
    `.${name}`,
    '.partial',
    '..partial',
    '.offramp.partial',
  ]) {
    expect([isRecording(foreign), isPartial(foreign)], foreign).toEqual([false, false]);
  }
});
