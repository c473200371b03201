import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { formatProblem } from '../../src/config/yaml-file.ts';
import { FileStateSource } from '../../src/state/file-source.ts';
import { parseStateFile } from '../../src/state/state-file.ts';
import { parseBeside } from '../../src/state/state-file-parser.ts';

const soon = { timeout: 20_000, interval: 20 };

/** A state file of some 100 kB with this many connectors of which the last one is called so. */
function large(last: string): string {
  const lines = Array.from({ length: 3_000 }, (_, at) => `- {name: c${at}, online: false}`);
  return ['connectors:', ...lines, `- {name: ${last}, online: false}`, ''].join('\n');
}

function stateFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-large-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'connectors.yaml');
  writeFileSync(path, text);
  return path;
}

function watch(path: string) {
  const events: string[] = [];
  const source = new FileStateSource(path, {
    loaded: ({ connectors }) => events.push(`loaded ${connectors.at(-1)?.connector.name}`),
    rejected: (problems) => events.push(`rejected ${problems.map(formatProblem).join()}`),
    absent: () => events.push('absent'),
  });
  onTestFinished(() => source.stop());
  return { source, events, last: () => source.state.connectors.connectors.at(-1)?.name };
}

describe('a large state file', () => {
  it('is read beside everything else, and nothing is served before it was', async () => {
    const { source, last } = watch(stateFile(large('one')));
    expect(source.status()).toMatchObject({ synced: false, detail: 'reading the state file' });
    await source.whenSynced();
    expect(last()).toBe('one');
    expect(source.status()).toMatchObject({ synced: true, detail: '3001 connectors' });
  });

  it('that cannot be used at the start is refused with what a small one is told', async () => {
    const text = large('c0').replace('c7,', 'c7, onlin: 1,').replace('c9,', '9,');
    const path = stateFile(text);
    const parsed = parseStateFile(path, text);
    const problems = parsed.ok ? [] : parsed.problems.map(formatProblem);
    expect(problems).toHaveLength(2);
    const { source } = watch(path);
    await expect(source.whenSynced()).rejects.toMatchObject({
      code: 'state-invalid',
      message: expect.stringContaining(problems.join('\n')),
    });
  });

  it('leaves the last good state in use when it is broken', async () => {
    const path = stateFile('connectors: [{name: small, online: false}]');
    const { events, last } = watch(path);
    writeFileSync(path, `${large('one')}- {nam: c}\n`);
    await vi.waitFor(
      () => expect(events.at(-1)).toContain(`${path}:3003:4: connectors[3001]`),
      soon,
    );
    expect(last()).toBe('small');
  });

  it('gives way to what is written while it is read, small or large', async () => {
    const path = stateFile(large('one'));
    const { events, last } = watch(path);
    writeFileSync(path, large('two'));
    await vi.waitFor(() => expect(last()).toBe('two'), soon);
    writeFileSync(path, large('three'));
    await vi.waitFor(() => expect(last()).toBe('three'), soon);
    writeFileSync(path, 'connectors: [{name: small, online: false}]');
    await vi.waitFor(() => expect(last()).toBe('small'), soon);
    expect(events).toEqual(['loaded one', 'loaded two', 'loaded three', 'loaded small']);
  });

  it('is left alone once the source stopped', async () => {
    const { source, events } = watch(stateFile(large('one')));
    source.stop();
    await sleep(2_000);
    expect(events).toEqual([]);
  });

  it('gets a bounded time, and says so when that is over', async () => {
    const { parsed } = parseBeside({ file: 'state.yaml', text: large('one') }, 1);
    const reason = 'it cannot be read within 0.001 s';
    expect(await parsed).toMatchObject({ ok: false, problems: [{ file: 'state.yaml', reason }] });
  });
});

describe('a state file that is replaced by what is no file', () => {
  it('leaves the last good state in use instead of waiting for a writer', async () => {
    const path = stateFile('connectors: [{name: small, online: false}]');
    const { events, last } = watch(path);
    execFileSync('mkfifo', [`${path}.fifo`]);
    renameSync(`${path}.fifo`, path);
    await vi.waitFor(() => expect(events.at(-1)).toContain('it is not a regular file'), soon);
    expect(last()).toBe('small');
  });
});
