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
