import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OfframpError } from '../../src/errors.ts';
import { RecordingFolder, RecordingTooLargeError } from '../../src/record/recording-folder.ts';
import { partialName, recordingName } from '../../src/record/recording-name.ts';

const never = new AbortController().signal;
const roomy = { maxFiles: 20, maxBytes: 1e9 };

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-recordings-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Names of recordings, a second apart. */
function name(at: number): string {
  return recordingName(new Date(Date.UTC(2026, 0, 1, 0, 0, at)), 1);
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

describe('a recording', () => {
  it('is gzip of its parts, and only its owner can read it', async () => {
    const path = join(temporaryFolder(), 'recordings');
    const folder = new RecordingFolder(path, roomy);
    const bytes = await folder.save(name(1), [Buffer.from('one '), Buffer.from('two')], never);
    const file = join(path, name(1));
    expect(gunzipSync(readFileSync(file)).toString()).toBe('one two');
    expect(statSync(file).size).toBe(bytes);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('of nothing can be read too', async () => {
    const path = temporaryFolder();
    await new RecordingFolder(path, roomy).save(name(1), [], never);
    expect(gunzipSync(readFileSync(join(path, name(1))))).toHaveLength(0);
  });

  it('that is too large alone leaves nothing behind, and the older ones in place', async () => {
    const path = temporaryFolder();
    const folder = new RecordingFolder(path, { maxFiles: 20, maxBytes: 100_000 });
    await folder.save(name(1), [randomBytes(50_000)], never);
    const save = folder.save(name(2), [randomBytes(2_000_000)], never);
    await expect(save).rejects.toThrow(RecordingTooLargeError);
    expect(readdirSync(path)).toEqual([name(1)]);
  });

  it('that is given up leaves nothing behind', async () => {
    const path = temporaryFolder();
    const abort = new AbortController();
    const save = new RecordingFolder(path, roomy).save(
      name(1),
      [randomBytes(20_000_000)],
      abort.signal,
    );
    setTimeout(() => abort.abort(), 20);
    await expect(save).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(readdirSync(path)).toEqual([]);
  });
});

describe('a folder', () => {
  it('never holds more recordings than it may: the oldest make room', async () => {
    const path = temporaryFolder();
    for (const at of [1, 2, 3, 4, 5]) writeFileSync(join(path, name(at)), 'from before');
    const folder = new RecordingFolder(path, { maxFiles: 3, maxBytes: 1e9 });
    await folder.save(name(6), [], never);
    expect(readdirSync(path).toSorted()).toEqual([4, 5, 6].map(name));
    await folder.save(name(7), [], never);
    expect(readdirSync(path).toSorted()).toEqual([5, 6, 7].map(name));
  });

  it('never holds more bytes than it may', async () => {
    const path = temporaryFolder();
    const limits = { maxFiles: 20, maxBytes: 100_000 };
    const folder = new RecordingFolder(path, limits);
    for (const at of [1, 2, 3, 4, 5, 6]) {
      await folder.save(name(at), [randomBytes(30_000)], never);
      expect(sizeOf(path)).toBeLessThanOrEqual(limits.maxBytes);
    }
    expect(readdirSync(path).toSorted()).toEqual([4, 5, 6].map(name));
    await folder.save(name(7), [randomBytes(95_000)], never);
    expect(readdirSync(path)).toEqual([name(7)]);
  });

  it('keeps whatever is not a recording of ours', async () => {
    const path = temporaryFolder();
    const elsewhere = join(temporaryFolder(), 'precious');
    writeFileSync(elsewhere, 'x'.repeat(5_000));
    writeFileSync(join(path, 'notes.txt'), 'x'.repeat(5_000));
    writeFileSync(join(path, '.notes.partial'), '');
    mkdirSync(join(path, name(1)));
    symlinkSync(elsewhere, join(path, name(2)));
    const folder = new RecordingFolder(path, { maxFiles: 1, maxBytes: 1_000 });
    for (const at of [3, 4]) await folder.save(name(at), [], never);
    expect(readdirSync(path).toSorted()).toEqual(
      ['.notes.partial', 'notes.txt', name(1), name(2), name(4)].toSorted(),
    );
    expect(statSync(elsewhere).size).toBe(5_000);
  });

  it('is rid of what a crash left half-written when Offramp starts', () => {
    const path = temporaryFolder();
    writeFileSync(join(path, partialName(name(1))), 'half');
    writeFileSync(join(path, name(2)), 'whole');
    new RecordingFolder(path, roomy);
    expect(readdirSync(path)).toEqual([name(2)]);
  });

  it.each([
    ['that is a file', 'file', /ENOTDIR/],
    ['below a file', 'file/below', /ENOTDIR/],
    ['in a folder that is not there', 'missing/recordings', /ENOENT/],
    ['where none can be made', '/proc/offramp', /ENOENT|EACCES|EPERM/],
  ])('%s is refused with the reason and what to do', (_what, below, reason) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const open = () =>
      new RecordingFolder(below.startsWith('/') ? below : join(folder, below), roomy);
    expect(open).toThrow(OfframpError);
    expect(open).toThrow(reason);
    expect(open).toThrow(
      /--record .*; name a folder that Offramp may write to, in one that is there/,
    );
  });
});
