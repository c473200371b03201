import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { formatProblem } from '../../src/config/yaml-file.ts';
import { OfframpError } from '../../src/errors.ts';
import { FileStateSource } from '../../src/state/file-source.ts';

const offline = (name: string) => `connectors: [{name: ${name}, online: false}]\n`;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function watch(path: string) {
  const events: string[] = [];
  const source = new FileStateSource(path, {
    loaded: ({ connectors }) => events.push(`loaded ${connectors.length}`),
    rejected: (problems) => events.push(`rejected ${problems.map(formatProblem).join()}`),
    absent: () => events.push('absent'),
  });
  onTestFinished(() => source.stop());
  const names = () => source.state.connectors.connectors.map(({ name }) => name);
  return { source, events, names };
}

const soon = { timeout: 5_000, interval: 20 };

describe('a state file that is watched', () => {
  it('is read at once, and again when it changes', async () => {
    const path = join(temporaryFolder(), 'connectors.yaml');
    writeFileSync(path, offline('one'));
    const { names, events } = watch(path);
    expect(names()).toEqual(['one']);
    writeFileSync(path, offline('other'));
    await vi.waitFor(() => expect(names()).toEqual(['other']), soon);
    expect(events).toEqual(['loaded 1', 'loaded 1']);
  });

  it('keeps the last good state over a broken edit, says where, and takes the repair', async () => {
    const path = join(temporaryFolder(), 'connectors.yaml');
    writeFileSync(path, offline('one'));
    const { source, names, events } = watch(path);
    writeFileSync(path, 'connectors: [{name: one, online: maybe}]');
    await vi.waitFor(() => expect(source.status().problems).toHaveLength(1), soon);
    expect(names()).toEqual(['one']);
    expect(events.at(-1)).toContain(`rejected ${path}:1:34: connectors[0].online: `);
    expect(source.status().ageSeconds).toBeGreaterThan(0);
    writeFileSync(path, offline('two'));
    await vi.waitFor(() => expect(names()).toEqual(['two']), soon);
    expect(source.status()).toMatchObject({ detail: '1 connectors', problems: [], ageSeconds: 0 });
  });

  it('keeps the last good state over ten megabytes, without a pause', async () => {
    const path = join(temporaryFolder(), 'connectors.yaml');
    writeFileSync(path, offline('one'));
    const { source, names, events } = watch(path);
    writeFileSync(path, '['.repeat(10_000_000));
    await vi.waitFor(() => expect(source.status().problems).toHaveLength(1), soon);
    expect(names()).toEqual(['one']);
    expect(events.at(-1)).toMatch(/too long: 9\.5 MiB, and 4\.0 are read at most$/);
  });

  it('is found again when a ConfigMap’s folder is swapped underneath', async () => {
    const folder = temporaryFolder();
    for (const [version, name] of [
      ['..a', 'one'],
      ['..b', 'two'],
    ] as const) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, 'connectors.yaml'), offline(name));
    }
    symlinkSync('..a', join(folder, '..data'));
    symlinkSync(join('..data', 'connectors.yaml'), join(folder, 'connectors.yaml'));
    const { names } = watch(join(folder, 'connectors.yaml'));
    expect(names()).toEqual(['one']);
    symlinkSync('..b', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await vi.waitFor(() => expect(names()).toEqual(['two']), soon);
  });

  it.each([
    ['deleted', (path: string) => unlinkSync(path), 'there is no such state file'],
    ['emptied', (path: string) => writeFileSync(path, ''), 'the file is empty'],
    ['left with a comment', (path: string) => writeFileSync(path, '# hi\n\n'), 'the file is empty'],
  ])('that is %s leaves the last good state in use', async (_what, harm, reason) => {
    const path = join(temporaryFolder(), 'connectors.yaml');
    writeFileSync(path, offline('one'));
    const { source, names, events } = watch(path);
    harm(path);
    await vi.waitFor(() => expect(source.status().problems).toHaveLength(1), soon);
    expect(names()).toEqual(['one']);
    expect(events.at(-1)).toContain(reason);
    writeFileSync(path, offline('one'));
    await vi.waitFor(() => expect(source.status().problems).toEqual([]), soon);
  });

  it('may come later: until then no connector is known', async () => {
    const path = join(temporaryFolder(), 'connectors.yaml');
    const { source, names, events } = watch(path);
    expect(events).toEqual(['absent']);
    expect(names()).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(events).toEqual(['absent']);
    expect(source.status()).toMatchObject({ problems: [], ageSeconds: 0 });
    writeFileSync(path, offline('one'));
    await vi.waitFor(() => expect(names()).toEqual(['one']), soon);
  });

  it('that is broken at the start is refused with its place', () => {
    const path = join(temporaryFolder(), 'connectors.yaml');
    writeFileSync(path, 'connectors: none');
    expect(() => watch(path)).toThrow(OfframpError);
    expect(() => watch(path)).toThrow(`${path}:1:13: connectors: `);
  });
});
