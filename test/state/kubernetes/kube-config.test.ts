import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { loadKubeConfig } from '../../../src/state/kubernetes/kube-config.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offramp-kubeconfig-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A kubeconfig file with one user. */
function write(name: string, user: object): string {
  const file = join(folder, name);
  const content = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file, stringify(content));
  return file;
}

async function authorization(file: string | undefined): Promise<unknown> {
  const { kubeConfig } = loadKubeConfig(file);
  const options: RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(options);
  return Object(options.headers).Authorization;
}

const server = 'clusters: [{name: c, cluster: {server: "https://h"}}]';
const whole = `${server}
users: [{name: u, user: {token: very-secret}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;

describe('a kubeconfig that cannot be used', () => {
  it.each([
    ['nothing in it', '', 'it is no kubeconfig: .*'],
    ['a comment in it', '# later\n', 'it is no kubeconfig: .*'],
    [
      'a server of another type',
      whole.replace('"https://h"', '5'),
      'it is no kubeconfig: .*server.*',
    ],
    [
      'a server that is no URL',
      whole.replace('https://h', 'h:6443'),
      'its server h:6443 is no https:// URL',
    ],
    [
      'a URL of something else',
      whole.replace('https://h', 'ftp://h'),
      'its server ftp://h is no https:// URL',
    ],
    ['broken YAML', `${whole}  bad: [`, String.raw`bad indentation of a mapping entry \(5:6\)`],
  ])('because of %s is refused in one line, without a line of the file', (_what, text, reason) => {
    const file = join(folder, 'broken');
    writeFileSync(file, text);
    expect(() => loadKubeConfig(file)).toThrow(new RegExp(`^kubeconfig ${file}: ${reason}$`));
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    vi.stubEnv('KUBECONFIG', file);
    expect(() => loadKubeConfig(undefined)).toThrow(
      new RegExp(`^\\$KUBECONFIG, ${file}: ${reason}$`),
    );
  });
});

describe('a kubeconfig', () => {
  it('gives its token', async () => {
    expect(await authorization(write('a', { token: 'fixed' }))).toBe('Bearer fixed');
  });

  it('gives the token in a file beside it, without the line end, before one of its own', async () => {
    mkdirSync(join(folder, 'tokens'));
    writeFileSync(join(folder, 'tokens', 'one'), 'first\n');
    const file = write('a', { token: 'fixed', tokenFile: 'tokens/one' });
    expect(await authorization(file)).toBe('Bearer first');
  });

  it('gives the token that is in the file now', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'first');
    const { kubeConfig } = loadKubeConfig(write('a', { tokenFile }));
    for (const token of ['first', 'second']) {
      writeFileSync(tokenFile, token);
      const options: RequestOptions = {};
      await kubeConfig.applyToHTTPSOptions(options);
      expect(options.headers).toMatchObject({ Authorization: `Bearer ${token}` });
    }
  });

  it('is also the one that $KUBECONFIG names', async () => {
    writeFileSync(join(folder, 'token'), 'beside it');
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    vi.stubEnv('KUBECONFIG', write('a', { tokenFile: 'token' }));
    expect(await authorization(undefined)).toBe('Bearer beside it');
  });
});
