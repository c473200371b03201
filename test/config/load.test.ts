import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig, readInput } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import { OfframpError } from '../../src/errors.ts';
import { optionPaths } from './option-paths.ts';

function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'offramp-config-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function fileWith(text: string): string {
  const file = join(temporaryFolder(), 'offramp.yaml');
  writeFileSync(file, text);
  return file;
}

/** Every option, none at its default, but those of the other state source. */
const everything = `
apiVersion: offramp.dev/v1alpha1
kind: OfframpConfiguration
grpc:
  address: 127.0.0.1:0
  insecure: true
  limits:
    messageBytes: 65536
    connections: 1
    concurrentCalls: 2
    queuedCalls: 3
    handshakeTimeout: 4s
    transferTimeout: 5s
    callBudget: 500ms
http: { address: "[::1]:0", limits: { connections: 6, requestTimeout: 7s } }
metrics: { prefix: nso_extension }
admin: { address: 127.0.0.1:0 }
log: { level: trace }
mode: shadow
state: { file: { path: /etc/offramp/state.yaml } }
retrigger: { folder: watched, gatewayAnnotation: false }
connectors:
  offlineResponse: { status: 502, body: "", headers: { Retry-After: "30", X-Empty: "" } }
  internalListener: other
emptyBackends: { mode: Keep, endpoints: hook }
controlPlaneFallback:
  routes: [{ namespace: vms, name: vm, rule: 1 }]
  pathTemplate: /v1/sessions/{id}
  registry: [{ subresource: logs, suffix: "" }]
  controlPlane: { host: api.example.com, port: 443, tls: { sni: api, caFile: /ca.pem } }
  injectedQueryParameter: token
  rememberFor: 90s
  bufferLimitBytes: 65536
watchdog: { blockedFor: 1m }
`;

/** The options that cannot be beside the others: another state source, another control plane. */
const kubernetes = `
grpc: { tls: { certFile: tls.crt, keyFile: tls.key, clientCAFile: ca.crt, allowedSANs: ["*.svc"] } }
state: { kubernetes: { kubeconfig: admin.yaml, namespaces: [a, b, a] } }
controlPlaneFallback: { controlPlane: { cluster: httproute/default/api/rule/0 } }
`;

describe('loadConfig', () => {
  it('gives every default without a file, with paths from the working directory', () => {
    expect(loadConfig(undefined)).toEqual({
      config: configSchema.parse({}),
      folder: process.cwd(),
    });
  });

  it('takes every option', () => {
    expect(loadConfig(fileWith(everything)).config).toEqual({
      apiVersion: 'offramp.dev/v1alpha1',
      kind: 'OfframpConfiguration',
      grpc: {
        address: '127.0.0.1:0',
        insecure: true,
        limits: {
          messageBytes: 65_536,
          connections: 1,
          concurrentCalls: 2,
          queuedCalls: 3,
          handshakeTimeout: '4s',
          transferTimeout: '5s',
          callBudget: '500ms',
        },
      },
      http: { address: '[::1]:0', limits: { connections: 6, requestTimeout: '7s' } },
      metrics: { prefix: 'nso_extension' },
      admin: { address: '127.0.0.1:0' },
      log: { level: 'trace' },
      mode: 'shadow',
      state: { file: { path: '/etc/offramp/state.yaml' } },
      retrigger: { folder: 'watched', gatewayAnnotation: false },
      connectors: {
        offlineResponse: {
          status: 502,
          body: '',
          headers: { 'Retry-After': '30', 'X-Empty': '' },
        },
        internalListener: 'other',
      },
      emptyBackends: { mode: 'Keep', endpoints: 'hook' },
      controlPlaneFallback: {
        routes: [{ kind: 'HTTPRoute', namespace: 'vms', name: 'vm', rule: 1 }],
        pathTemplate: '/v1/sessions/{id}',
        registry: [{ subresource: 'logs', suffix: '' }],
        controlPlane: {
          host: 'api.example.com',
          port: 443,
          tls: { sni: 'api', caFile: '/ca.pem' },
        },
        injectedQueryParameter: 'token',
        rememberFor: '90s',
        bufferLimitBytes: 65536,
      },
      watchdog: { blockedFor: '1m' },
    });
  });

  it('takes the Kubernetes API for the state source instead of a file', () => {
    expect(loadConfig(fileWith(kubernetes)).config.state).toEqual({
      kubernetes: { kubeconfig: 'admin.yaml', namespaces: ['a', 'b'] },
    });
    expect(loadConfig(fileWith('state: { kubernetes: {} }')).config.state).toEqual({
      kubernetes: { namespaces: [] },
    });
  });

  it('knows every option that there is: the texts above leave none at its default', () => {
    const defaults = leaves(configSchema.parse({}));
    const taken = new Map([
      ...leaves(loadConfig(fileWith(kubernetes)).config),
      ...leaves(loadConfig(fileWith(everything)).config),
    ]);
    const untouched = [...defaults].filter(([path, value]) => taken.get(path) === value);
    expect(untouched.map(([path]) => path)).toEqual(['apiVersion', 'kind']);
    for (const path of optionPaths()) {
      expect(
        [...taken.keys()].some((key) => `${key}.`.startsWith(`${path}.`)),
        path,
      ).toBe(true);
    }
  });

  it('fills in what a partly written section leaves out', () => {
    const { config } = loadConfig(fileWith('connectors: { offlineResponse: { status: 504 } }'));
    expect(config.connectors).toEqual({
      ...configSchema.parse({}).connectors,
      offlineResponse: { status: 504, body: 'Tunnel not online', headers: {} },
    });
  });

  it('starts relative paths at the folder of the file', () => {
    const file = fileWith('mode: shadow');
    expect(join(loadConfig(file).folder, 'offramp.yaml')).toBe(file);
  });

  it.each(['', '\n \n', '# every line of it\n# is a comment\n'])(
    'refuses the empty file %j',
    (text) => {
      expect(() => loadConfig(fileWith(text))).toThrow(
        /offramp\.yaml:1:1: the file is empty; `{}` says every default$/,
      );
      expect(loadConfig(fileWith(`${text}{}`)).config).toEqual(configSchema.parse({}));
    },
  );

  it('refuses a file that would take a minute and all memory to read, at once', () => {
    const file = fileWith('['.repeat(10_000_000));
    const started = performance.now();
    expect(() => loadConfig(file)).toThrow(
      /offramp\.yaml:1:1: the file is too long: 9\.5 MiB, and 1\.0 are read at most$/,
    );
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('reads JSON, which is YAML too', () => {
    expect(loadConfig(fileWith('{"mode": "shadow"}')).config.mode).toBe('shadow');
  });

  it('names file, line and column of what is wrong', () => {
    const file = fileWith('mode: apply\ngrpc:\n  adress: 127.0.0.1:1\n');
    expect(() => loadConfig(file)).toThrow(OfframpError);
    expect(() => loadConfig(file)).toThrow(
      `${file}:3:3: grpc.adress: there is no field adress here; did you mean address?`,
    );
  });

  it.each([
    ['is not there', (folder: string) => join(folder, 'missing.yaml')],
    [
      'is a folder',
      (folder: string) => {
        const path = join(folder, 'folder.yaml');
        mkdirSync(path);
        return path;
      },
    ],
  ])('says that a file %s', (_what, make) => {
    const file = make(temporaryFolder());
    expect(() => loadConfig(file)).toThrow(`${file}: cannot be read: `);
    expect(() => readInput(file, 100)).toThrow(OfframpError);
  });
});

/** Every value that is no section, by its path; a section without fields is a value. */
function leaves(value: object, path = ''): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
      const isSection =
        typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0;
      return isSection ? [...leaves(inner, `${path}${key}.`)] : [[path + key, inner]];
    }),
  );
}
