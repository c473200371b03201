import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { callExtension } from '../support/running-server.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { startGateway } from './support/gateway.ts';
import { startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

const credential = 'Bearer not-a-real-credential';
const apiKey = 'not-a-real-api-key';
const user = `someone:{SHA}${createHash('sha1').update('not a real password').digest('base64')}`;

function secretYaml(name: string, key: string, value: string): string {
  const data = { [key]: Buffer.from(value).toString('base64') };
  return `apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: default }
data: ${JSON.stringify(data)}
`;
}

/** A route that injects a credential, and a policy with API keys and users for another one. */
function resources(port: number): string {
  const filter = `      filters:
        - type: ExtensionRef
          extensionRef: { group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: inject }
`;
  return [
    gatewayYaml(port),
    backendYaml('app', 9),
    httpRouteYaml('berlin', 'app') + filter,
    httpRouteYaml('oslo', 'app'),
    secretYaml('injected', 'credential', credential),
    secretYaml('keys', 'client', apiKey),
    secretYaml('users', '.htpasswd', user),
    `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: { name: inject, namespace: default }
spec: { credentialInjection: { credential: { valueRef: { name: injected } } } }
`,
    `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: { name: auth, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: oslo }]
  apiKeyAuth: { credentialRefs: [{ name: keys }], extractFrom: [{ headers: [x-api-key] }] }
  basicAuth: { users: { name: users } }
`,
  ].join('---\n');
}

/** Offramp with `--record` and these flags. */
async function startRecording(flags: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-recordings-'));
  const offramp = await startOfframpProcess({ connectors: [] }, {}, ['--record', folder, ...flags]);
  const files = () => readdirSync(folder).filter((name) => name.endsWith('.gz'));
  return {
    port: offramp.port,
    async recording() {
      await waitFor('a recording', () => files().length > 0, { timeoutMs: 10_000 });
      return gunzipSync(readFileSync(join(folder, files().at(-1) ?? '')));
    },
    async stop() {
      await offramp.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a real Envoy Gateway sends for these resources when it sends secrets too. */
async function recordGateway(): Promise<Buffer> {
  const offramp = await startRecording(['--record-secrets']);
  try {
    const includeAll = { includeAll: true };
    const lists = {
      listener: includeAll,
      route: includeAll,
      cluster: includeAll,
      secret: includeAll,
    };
    const gateway = await startGateway({
      resources: resources(await freePort()),
      extensionManager: {
        ...recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
        hooks: { xdsTranslator: { post: ['Translation'], translation: lists } },
      },
    });
    await gateway.stop();
    return await offramp.recording();
  } finally {
    await offramp.stop();
  }
}

describe('a recording of what a real Envoy Gateway sends with its secrets', () => {
  let request: Buffer;

  beforeAll(async () => {
    request = await recordGateway();
  });

  it('has them with --record-secrets', () => {
    expect(request.includes(credential)).toBe(true);
  });

  it('has none of them otherwise, but what is in routes and listeners', async () => {
    const offramp = await startRecording();
    try {
      await callExtension(`127.0.0.1:${offramp.port}`, 'PostTranslateModify', request);
      const recording = await offramp.recording();
      expect(recording.includes(credential)).toBe(false);
      expect(recording.includes('httproute/default/berlin/rule/0')).toBe(true);
      expect(recording.includes(apiKey)).toBe(true);
      expect(recording.includes(user)).toBe(true);
    } finally {
      await offramp.stop();
    }
  });
});
