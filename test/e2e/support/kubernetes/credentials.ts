import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { ApiAccess } from './api-server-requests.ts';

/** The files that an API server reads at its start, and the token of each user. All made at run time. */
export interface Credentials {
  readonly tokenFile: string;
  /** Signs and proves the tokens of service accounts. */
  readonly signingKeyFile: string;
  readonly adminToken: string;
  /** The token of a user who may do nothing until a role is bound to that name. */
  userToken(user: string): string;
}

/** Makes the keys and tokens of a new installation and writes them, readable to nobody else. */
export async function makeCredentials(
  folder: string,
  users: readonly string[],
): Promise<Credentials> {
  const tokens = new Map(users.map((user) => [user, newToken()]));
  const adminToken = newToken();
  const lines = [...tokens].map(([user, token]) => `${token},${user},${user}`);
  const tokenFile = path.join(folder, 'tokens.csv');
  const signingKeyFile = path.join(folder, 'service-accounts.key');
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const admin = `${adminToken},testbed-admin,testbed-admin,system:masters`;
  await writePrivately(tokenFile, `${[admin, ...lines].join('\n')}\n`);
  await writePrivately(signingKeyFile, privateKey);
  return {
    tokenFile,
    signingKeyFile,
    adminToken,
    userToken: (user) => {
      const token = tokens.get(user);
      if (token === undefined)
        throw new Error(`testbed: startKubernetes was given no user ${user}`);
      return token;
    },
  };
}

/** Writes a kubeconfig with one cluster, one user and one context. */
export async function writeKubeconfig(file: string, access: ApiAccess): Promise<void> {
  const ca = Buffer.from(access.ca).toString('base64');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'testbed', cluster: { server: access.url, 'certificate-authority-data': ca } },
    ],
    users: [{ name: 'testbed', user: { token: access.token } }],
    contexts: [{ name: 'testbed', context: { cluster: 'testbed', user: 'testbed' } }],
    'current-context': 'testbed',
  };
  await writePrivately(file, stringify(kubeconfig));
}

function newToken(): string {
  return randomBytes(24).toString('hex');
}

function writePrivately(file: string, text: string): Promise<void> {
  return writeFile(file, text, { mode: 0o600 });
}
