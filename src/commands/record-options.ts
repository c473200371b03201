import { resolve } from 'node:path';
import { OfframpError } from '../errors.ts';
import type { RecordingLimits } from '../record/recording-folder.ts';

/** The flags of `offramp serve` about recording, as they were typed. */
export interface RecordFlags {
  readonly record?: string;
  readonly recordMaxFiles?: string;
  readonly recordMaxBytes?: string;
  readonly recordSecrets?: boolean;
}

/** Where hook requests are recorded, how many of them, and whether with their secrets. */
export interface RecordSettings extends RecordingLimits {
  readonly folder: string;
  readonly withSecrets: boolean;
}

/** The limits without a flag, as they could be typed. */
export const recordDefaults = { maxFiles: '20', maxBytes: '256Mi' } as const;

/** What the flags ask for; undefined without --record. Throws OfframpError: usage. */
export function readRecordFlags(flags: RecordFlags): RecordSettings | undefined {
  const { record, recordMaxFiles, recordMaxBytes, recordSecrets } = flags;
  if (record === undefined) {
    const others = [recordMaxFiles, recordMaxBytes, recordSecrets];
    if (others.every((flag) => flag === undefined)) return undefined;
    throw new OfframpError('usage', ['nothing is recorded without --record DIR: add it']);
  }
  if (record === '') throw new OfframpError('usage', ['--record: name a folder']);
  return {
    folder: resolve(record),
    maxFiles: readCount(recordMaxFiles ?? recordDefaults.maxFiles),
    maxBytes: readSize(recordMaxBytes ?? recordDefaults.maxBytes),
    withSecrets: recordSecrets === true,
  };
}

function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count > 0 && Number.isSafeInteger(count)) return count;
  throw new OfframpError('usage', [`--record-max-files ${text}: expected a number from 1`]);
}

const units = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 } as const;

function isUnit(text: string): text is keyof typeof units {
  return Object.hasOwn(units, text);
}

function readSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? [];
  const size = isUnit(unit) ? Number(digits) * units[unit] : 0;
  if (size > 0 && Number.isSafeInteger(size)) return size;
  throw new OfframpError('usage', [
    `--record-max-bytes ${text}: expected bytes, or a size like 512Ki, 64Mi or 1Gi`,
  ]);
}
