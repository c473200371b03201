import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeAuthority } from '../support/authority.ts';

const main = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
const authority = await makeAuthority('an authority');
const dns = ['offramp'];
const pair = await authority.issue({ dns });
const other = await authority.issue({ dns });
const former = await authority.issue({ dns, begins: inDays(-2), ends: inDays(-1) });
const whole = { 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': authority.cert };

/** What check says of a configuration that names three files, of which these are there. */
function check(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-certificates-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const config = join(folder, 'offramp.yaml');
  const tls = '{certFile: tls.crt, keyFile: tls.key, clientCAFile: ca.crt}';
  writeFileSync(config, `grpc: {address: "0.0.0.0:5005", tls: ${tls}}\nstate: {file: {path: s}}\n`);
  writeFileSync(join(folder, 's'), 'connectors: []\n');
  const { status, stdout } = spawnSync(process.execPath, [main, 'check', config], {
    encoding: 'utf8',
  });
  const said = stdout.split('\n').map((line) => line.replaceAll(folder, '.'));
  return { status, said: said.filter((line) => /^(error|warning|note)/.test(line)) };
}

describe('check, of the certificates that a configuration names', () => {
  it('says nothing when they fit', () => {
    expect(check(whole)).toEqual({ status: 0, said: [] });
  });

  it('says that it did not look where none of them is here, as beside a cluster', () => {
    expect(check({})).toEqual({
      status: 0,
      said: [
        'note: ./offramp.yaml: the files of grpc.tls are not here, and were not looked at [certificates-elsewhere]',
      ],
    });
  });

  it.each([
    ['a key of another one', { ...whole, 'tls.key': other.key }, './tls.key: is not the private'],
    ['files swapped', { ...whole, 'tls.crt': pair.key }, './tls.crt: has no PEM certificate'],
    ['one that is missing', { 'tls.crt': pair.cert, 'tls.key': pair.key }, './ca.crt: cannot be'],
    ['one that ended', { ...whole, 'tls.crt': former.cert, 'tls.key': former.key }, '.*ended at'],
    ['a client CA that is none', { ...whole, 'ca.crt': pair.cert }, '.*is not one of a CA'],
  ])('finds %s', (_what, files, reason) => {
    const { status, said } = check(files);
    expect(said).toEqual([
      expect.stringMatching(
        new RegExp(`^error: ./offramp.yaml: ${reason}.*\\[certificate-unusable\\]$`),
      ),
    ]);
    expect(status).toBe(1);
  });
});
