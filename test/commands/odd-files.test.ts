import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const top = join(import.meta.dirname, '..', '..');
const main = join(top, 'dist', 'main.js');
const recording = join(top, 'examples', 'demo', 'post-translate-modify.binpb');
const folder = mkdtempSync(join(tmpdir(), 'offramp-odd-files-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function offramp(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, ...args], { timeout: 30_000, encoding: 'utf8' });
}

/** A configuration whose state file somebody has made of whatever they like. */
function withState(name: string, make: (path: string) => void): string {
  const at = join(folder, name);
  mkdirSync(at);
  make(join(at, 'connectors.yaml'));
  const config = join(at, 'offramp.yaml');
  writeFileSync(config, '{}');
  return config;
}

function makeFifo(path: string): void {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
}

/** Longer than a string of JavaScript can be, and no byte of it on the disk. */
function enormous(): string {
  const file = join(folder, 'enormous.yaml');
  writeFileSync(file, '');
  truncateSync(file, 600 * 2 ** 20);
  return file;
}

describe('a configuration that is far too long', () => {
  const refused = 'enormous.yaml:1:1: the file is too long: 600.0 MiB, and ';

  it('is refused by serve and explain, unread', () => {
    const file = enormous();
    for (const args of [['serve'], ['explain', recording]]) {
      const { status, stderr } = offramp(...args, '--config', file);
      expect(stderr).toContain(`offramp: configuration-invalid\n${join(folder, refused)}1.0 are`);
      expect(status).toBe(2);
    }
  });

  it('is refused by check, and so is one without an end', () => {
    expect(offramp('check', enormous())).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`${refused}4.0 are read at most`),
    });
    expect(offramp('check', '/dev/zero')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/dev/zero:1:1: the file is too long'),
    });
  });
});

describe('a file with two documents', () => {
  it.each([
    ['configuration', 'kind: OfframpConfiguration\n---\nkind: OfframpConfiguration\n'],
    ['state file', 'connectors: []\n---\nconnectors: []\n'],
  ])('is a %s that cannot be read to check', (_what, text) => {
    const file = join(folder, 'two.yaml');
    writeFileSync(file, text);
    const { status, stdout } = offramp('check', file);
    expect(stdout).toContain('two.yaml:2:1: a second document begins here; one is read');
    expect(status).toBe(1);
  });
});

describe('a recording', () => {
  const empty = join(folder, 'empty.binpb');
  writeFileSync(empty, '');

  it('of no bytes is a request without anything, but explain warns of it', () => {
    const { status, stderr } = offramp('explain', empty);
    expect(stderr).toMatch(/^warning: .*empty\.binpb: there is nothing in it$/m);
    expect(status).toBe(0);
  });

  it('is not overwritten by what explain says of it', () => {
    const copy = join(folder, 'copy.binpb');
    const link = join(folder, 'link.binpb');
    copyFileSync(recording, copy);
    symlinkSync(copy, link);
    for (const out of [copy, link]) {
      const { status, stderr } = offramp('explain', copy, '--out', out);
      expect(stderr).toMatch(/^offramp: usage\n.*--out .*: this is the recording itself$/m);
      expect(status).toBe(2);
    }
    expect(readFileSync(copy)).toEqual(readFileSync(recording));
  });
});

describe('a state file that serve would refuse', () => {
  it.each([
    ['a FIFO that nobody writes to', 'fifo', makeFifo],
    ['a folder', 'folder', (path: string) => mkdirSync(path)],
  ])('because it is %s is refused by check and explain too', (_what, name, make) => {
    const config = withState(name, make);
    const refused = 'connectors.yaml:1:1: it is not a regular file';
    const checked = offramp('check', config);
    expect(checked.stdout).toContain('a valid OfframpConfiguration');
    expect(checked.stdout).toMatch(
      new RegExp(`^error: .*${refused} \\[invalid-state-file\\]`, 'm'),
    );
    expect(checked.status).toBe(1);
    const explained = offramp('explain', recording, '--config', config);
    expect(explained.stderr).toMatch(new RegExp(`^offramp: state-invalid\n.*${refused}`, 'm'));
    expect(explained.status).toBe(2);
  });

  it('or warn of, because it is empty, is warned of', () => {
    const config = withState('empty', (path) => writeFileSync(path, '# later\n'));
    const { status, stdout } = offramp('check', config);
    expect(stdout).toMatch(
      /^warning: .*connectors\.yaml: the file is empty.*\[state-file-missing\]/m,
    );
    expect(status).toBe(0);
    const explained = offramp('explain', recording, '--config', config);
    expect(explained.stderr).toMatch(/^warning: .*connectors\.yaml: the file is empty/);
    expect(explained.status).toBe(0);
  });
});
