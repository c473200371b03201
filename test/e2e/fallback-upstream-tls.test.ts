import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Certificate, makeCertificate } from './support/certificate.ts';
import { backendYaml } from './support/example-resources.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import {
  gatewayClassYaml,
  listenersYaml,
  type ServedPath,
  servedPathYaml,
  tlsSecretYaml,
} from './support/scene-resources.ts';
import { secretYaml } from './support/security-policies.ts';
import { startTlsServer, type TlsServer } from './support/tls-servers.ts';
import { waitFor } from './support/wait-for.ts';

const HOST = 'gateway.test';
const VM_HOST = 'vm.internal';
const UNTRUSTED_HOST = 'untrusted.test';
const gone = { 'x-case': 'gone at vm' };

/** What Envoy Gateway makes of a Backend, so that Envoy speaks TLS with it. */
interface BackendTls {
  readonly backend: string;
  readonly ca: string;
  /** The name in the certificate; of a Backend’s own TLS settings, that of the request. */
  readonly name: string;
}

const ways = [
  {
    by: 'BackendTLSPolicy',
    names: { vm: VM_HOST, api: 'api.internal' },
    clients: { vm: undefined, api: undefined },
    resources: ({ backend, ca, name }: BackendTls, port: number) => [
      backendYaml(backend, port),
      stringify({
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'BackendTLSPolicy',
        metadata: { name: backend, namespace: 'default' },
        spec: {
          targetRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: backend }],
          validation: { hostname: name, caCertificateRefs: [caRef(ca)] },
        },
      }),
    ],
  },
  {
    by: 'TLS settings of the Backends, with client certificates',
    names: { vm: VM_HOST, api: HOST },
    clients: { vm: 'for-vm.test', api: 'for-api.test' },
    resources: ({ backend, ca }: BackendTls, port: number) => {
      const clientCertificateRef = { name: backend.startsWith('api') ? 'for-api' : 'for-vm' };
      const tls = { caCertificateRefs: [caRef(ca)], clientCertificateRef };
      return [`${backendYaml(backend, port)}  tls: ${JSON.stringify(tls)}\n`];
    },
  },
] as const;

const caRef = (name: string) => ({ group: '', kind: 'Secret', name });

describe.each(ways)('over TLS to both servers by $by', ({ names, clients, resources }) => {
  let port: number;
  let resourcesWith: (backendOfApi: string) => readonly string[];
  let scene: FallbackScene;
  let vm: TlsServer;
  let controlPlane: TlsServer;

  beforeAll(async () => {
    port = await freePort();
    const servers = {
      vm: await makeCertificate(names.vm),
      api: await makeCertificate(names.api),
    };
    const forVm = await makeCertificate('for-vm.test');
    const forApi = await makeCertificate('for-api.test');
    const demand = (ca: Certificate, client: string | undefined) =>
      client === undefined ? {} : { clientCa: ca };
    const options = {
      vm: { name: 'vm', certificate: servers.vm, ...demand(forVm, clients.vm) },
      api: { name: 'control plane', certificate: servers.api, ...demand(forApi, clients.api) },
    };
    resourcesWith = (backendOfApi) => [
      gatewayClassYaml(),
      listenersYaml([{ name: 'http', port }]),
      secretYaml('ca-of-vm', { 'ca.crt': servers.vm.cert }),
      secretYaml('ca-of-api', { 'ca.crt': servers.api.cert }),
      tlsSecretYaml('for-vm', forVm),
      tlsSecretYaml('for-api', forApi),
      ...resources({ backend: 'vm', ca: 'ca-of-vm', name: names.vm }, vm.port),
      ...resources({ backend: 'untrusted', ca: 'ca-of-api', name: names.vm }, vm.port),
      ...resources({ backend: 'api', ca: 'ca-of-api', name: names.api }, controlPlane.port),
      ...resources(
        { backend: 'api-untrusted', ca: 'ca-of-vm', name: names.api },
        controlPlane.port,
      ),
      routeYaml('api', { hosts: [HOST, UNTRUSTED_HOST], path: '/', backend: backendOfApi }),
      routeYaml('vm', { hosts: [HOST], path: '/browsers', backend: 'vm' }),
      routeYaml('untrusted', { hosts: [UNTRUSTED_HOST], path: '/browsers', backend: 'untrusted' }),
    ];
    scene = await startFallbackScene({
      optedIn: ['vm', 'untrusted'],
      servers: async () => {
        vm = await startTlsServer(options.vm);
        controlPlane = await startTlsServer(options.api);
        return { vm, controlPlane };
      },
      resources: () => resourcesWith('api'),
    });
  });
  afterAll(async () => {
    await scene?.stop();
  });
  beforeEach(() => {
    scene.reached();
  });

  function routeYaml(name: string, served: Pick<ServedPath, 'hosts' | 'path' | 'backend'>): string {
    const rewrite = { type: 'URLRewrite', urlRewrite: { hostname: VM_HOST } };
    const filters = name === 'api' ? [] : [rewrite];
    return servedPathYaml(name, { listeners: ['http'], filters, ...served });
  }

  const toVm = () => ({
    authority: VM_HOST,
    httpVersion: '2.0',
    sni: names.vm,
    client: clients.vm,
  });
  const toControlPlane = () => ({
    authority: HOST,
    httpVersion: '2.0',
    sni: names.api,
    client: clients.api,
  });

  it('asks each server by its own name, with its own client certificate', async () => {
    const session = randomUUID();
    const fallback = await ask(port, { path: eventsOf(session), headers: gone });
    expect(fallback).toMatchObject({ status: 200, body: 'control plane' });
    expect(vm.take()).toMatchObject([toVm()]);
    expect(controlPlane.take()).toMatchObject([toControlPlane()]);
    const path = `/browsers/${session}/x`;
    expect(await ask(port, { path, method: 'POST' })).toMatchObject({ body: 'control plane' });
    expect(vm.take()).toEqual([]);
    expect(controlPlane.take()).toMatchObject([{ ...toControlPlane(), method: 'POST', path }]);
  });

  it('asks nobody when the VM’s certificate is of another CA', async () => {
    const headers = { ...gone, host: UNTRUSTED_HOST };
    const { status } = await ask(port, { path: eventsOf(randomUUID()), headers });
    expect([status, ...scene.reached()]).toEqual([503, 0, 0]);
  });

  it('asks no control plane whose certificate is of another CA', async () => {
    await scene.gateway.updateResources(resourcesWith('api-untrusted').join('---\n'));
    const isUntrusted = async () => (await ask(port, { path: '/straight' })).status === 503;
    await waitFor('the control plane to be untrusted', isUntrusted, { timeoutMs: 15_000 });
    scene.reached();
    const { status } = await ask(port, { path: eventsOf(randomUUID()), headers: gone });
    expect([status, ...scene.reached()]).toEqual([503, 1, 0]);
  });
});
