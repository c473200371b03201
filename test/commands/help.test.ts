import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const top = join(import.meta.dirname, '..', '..');

it('the help has each exit code of the README', () => {
  const main = join(top, 'dist', 'main.js');
  const { stdout } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
  const [, said = ''] = stdout.split('Exit codes: ');
  const readme = readFileSync(join(top, 'README.md'), 'utf8');
  const codes = [...readme.matchAll(/^\| (\d+) +\| /gm)].map(([, code]) => code);
  expect(codes).toContain('70');
  expect(said.match(/\b\d+\b/g)).toEqual(codes);
});
