import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { checkWith } from './support/check-with.ts';
import { chartValueSets } from './support/kubernetes/chart-value-sets.ts';
import {
  type ChartValues,
  deploymentOf,
  dryRun,
  fileOf,
  folders,
  namespaces,
  objectOf,
  parsedFileOf,
  podOf,
  type RenderedObject,
  renderChart,
  restrictedNamespaces,
} from './support/kubernetes/charts.ts';
import { installPrometheusCrds } from './support/kubernetes/crds.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';

let kubernetes: RunningKubernetes;

beforeAll(async () => {
  kubernetes = await startKubernetes({ authorization: 'RBAC' });
  await installPrometheusCrds(kubernetes);
  await kubernetes.apply(restrictedNamespaces(namespaces.offramp, 'blue', 'green'));
});

afterAll(async () => {
  await kubernetes?.stop();
});

describe.each(chartValueSets)('the chart with %s', (what, values) => {
  let objects: readonly RenderedObject[];
  const name = what === 'everything else' ? 'edge' : 'offramp';

  beforeAll(async () => {
    objects = await renderChart(kubernetes, values);
  });

  it('passes helm lint', async () => {
    const lint = ['lint', '--strict', folders.chart, '--values', '-'];
    const printed = await kubernetes.helm(lint, { input: stringify(values) });
    expect(printed).toContain('0 chart(s) failed');
  });

  it('is accepted by the API server, its pods under the restricted standard', async () => {
    await dryRun(kubernetes, [...objects, podOf(objects, name)]);
  });

  it('holds a configuration that Offramp takes', async () => {
    // The kubeconfig of another cluster is in the pod only.
    const config = fileOf(objects, 'offramp.yaml').replace(
      /kubeconfig: .*/,
      `kubeconfig: ${kubernetes.kubeconfig}`,
    );
    const said = await checkWith(kubernetes, {
      'offramp.yaml': config,
      ...('stateFile' in values ? { 'connectors.yaml': fileOf(objects, 'connectors.yaml') } : {}),
    });
    expect(said).toContain('a valid OfframpConfiguration');
    expect(said).not.toContain('there is no such state file');
  });

  it('reaches Offramp at the ports that its configuration names', () => {
    const ports = Object.fromEntries(
      deploymentOf(objects, name)
        .template.spec.containers.flatMap((container) => container.ports)
        .map((port) => [port.name, port.containerPort]),
    );
    expect(parsedFileOf(objects, 'offramp.yaml')).toMatchObject({
      grpc: { address: expect.stringMatching(new RegExp(`:${ports.grpc}$`)) },
      http: { address: expect.stringMatching(new RegExp(`:${ports.http}$`)) },
    });
    expect(objectOf(objects, 'Service')).toMatchObject({
      spec: { ports: [{ port: ports.grpc, targetPort: 'grpc' }] },
    });
  });
});

describe('the chart', () => {
  it('mounts the Secret of the certificates, where the configuration looks for them', async () => {
    const mounted = async (values: ChartValues) => {
      const { containers, volumes } = deploymentOf(await renderChart(kubernetes, values), 'offramp')
        .template.spec;
      const paths = containers.flatMap((one) => one.volumeMounts.map((mount) => mount.mountPath));
      return { paths, volumes };
    };
    expect(await mounted({})).toMatchObject({
      paths: ['/etc/offramp', '/etc/offramp-tls'],
      volumes: [{ name: 'config' }, { name: 'tls', secret: { secretName: 'offramp-tls' } }],
    });
    expect(await mounted({ config: { grpc: { tls: null, insecure: true } } })).toMatchObject({
      paths: ['/etc/offramp'],
      volumes: [{ name: 'config' }],
    });
  });

  it('makes pods that the restricted standard would refuse with one right more', async () => {
    const pod = podOf(await renderChart(kubernetes), 'offramp');
    const root = { ...pod, spec: { ...Object(pod.spec), securityContext: { runAsUser: 0 } } };
    await expect(dryRun(kubernetes, [root])).rejects.toThrow('violates PodSecurity "restricted');
  });

  it('never takes a pod away before another one is ready, nor kills one that waits', async () => {
    const objects = await renderChart(kubernetes);
    const { containers, terminationGracePeriodSeconds } = deploymentOf(objects, 'offramp').template
      .spec;
    expect(objectOf(objects, 'Deployment')).toMatchObject({
      spec: { replicas: 2, strategy: { rollingUpdate: { maxUnavailable: 0 } } },
    });
    expect(containers).toMatchObject([
      {
        startupProbe: { httpGet: { path: '/healthz' } },
        livenessProbe: { httpGet: { path: '/healthz' } },
        readinessProbe: { httpGet: { path: '/readyz' } },
      },
    ]);
    // Five before SIGTERM, 20 for calls that run.
    expect(terminationGracePeriodSeconds).toBeGreaterThan(25);
  });

  it('lets in Envoy Gateway and the scraper, each at its port, and nobody else', async () => {
    const inNamespace = (name: string) => ({
      matchLabels: { 'kubernetes.io/metadata.name': name },
    });
    const pods = (label: object) => ({ matchLabels: label });
    expect(objectOf(await renderChart(kubernetes), 'NetworkPolicy')).toMatchObject({
      spec: {
        policyTypes: ['Ingress'],
        ingress: [
          {
            from: [
              {
                namespaceSelector: inNamespace('envoy-gateway-system'),
                podSelector: pods({ 'control-plane': 'envoy-gateway' }),
              },
            ],
            ports: [{ port: 'grpc' }],
          },
          {
            from: [
              {
                namespaceSelector: inNamespace('monitoring'),
                podSelector: pods({ 'app.kubernetes.io/name': 'prometheus' }),
              },
            ],
            ports: [{ port: 'http' }],
          },
        ],
      },
    });
    const closed = await renderChart(kubernetes, { networkPolicy: { httpFrom: [] } });
    expect(objectOf(closed, 'NetworkPolicy')).toMatchObject({
      spec: { ingress: [{ ports: [{ port: 'grpc' }] }] },
    });
  });

  it('rolls the pods for another configuration, and not for another state', async () => {
    const templates = [
      { mode: 'apply', stateFile: { connectors: [] } },
      { mode: 'apply', stateFile: { connectors: [{ name: 'berlin', online: false }] } },
      { mode: 'shadow', stateFile: { connectors: [] } },
    ].map(async ({ mode, stateFile }) => {
      const config = { mode, state: { kubernetes: null } };
      const objects = await renderChart(kubernetes, { config, stateFile });
      return JSON.stringify(deploymentOf(objects, 'offramp').template);
    });
    const [first, otherState, otherConfiguration] = await Promise.all(templates);
    expect(otherState).toBe(first);
    expect(otherConfiguration).not.toBe(first);
  });

  it.each([
    ['a value that is none', { replica: 3 }, "additional properties 'replica' not allowed"],
    [
      'an option that is none',
      { config: { conectors: {} } },
      "at '/config': additional properties 'conectors' not allowed",
    ],
    [
      'an address that only the pod reaches',
      { config: { grpc: { address: '127.0.0.1:5005' } } },
      "at '/config/grpc/address'",
    ],
    [
      'a socket',
      { config: { grpc: { address: 'unix:/run/a.sock' } } },
      "at '/config/grpc/address'",
    ],
    [
      'a hook open to everybody',
      { networkPolicy: { grpcFrom: [] } },
      "at '/networkPolicy/grpcFrom'",
    ],
    [
      'a label that finds its pods',
      { commonLabels: { 'app.kubernetes.io/name': 'x' } },
      "invalid propertyName 'app.kubernetes.io/name'",
    ],
    [
      'plain text that nobody asked for',
      { config: { grpc: { tls: null } } },
      'give tls, or say insecure',
    ],
    ['TLS and plain text', { config: { grpc: { insecure: true } } }, 'set config.grpc.tls to null'],
    [
      'two sources of connectors',
      { stateFile: { connectors: [] } },
      'connectors come from one of the two',
    ],
  ])('refuses %s, and says where', async (_, values, problem) => {
    await expect(renderChart(kubernetes, values)).rejects.toThrow(problem);
  });

  it('tells how Envoy Gateway is to call it, as deploy/envoy-gateway-values.yaml does', async () => {
    const args = ['upgrade', '--install', 'offramp', folders.chart, '--dry-run=server'];
    const printed = await kubernetes.helm([...args, '--namespace', namespaces.offramp]);
    const notes = /^extensionManager:\n(?: .*\n)+/m.exec(printed)?.[0] ?? '';
    const values = await readFile(path.join(folders.deploy, 'envoy-gateway-values.yaml'), 'utf8');
    const said = await checkWith(kubernetes, {
      'offramp.yaml': fileOf(await renderChart(kubernetes), 'offramp.yaml'),
      'values.yaml': values,
    });
    expect(said).toMatch(/values.yaml: an EnvoyGateway configuration that fits/);
    expect(parse(values)).toEqual({ config: { envoyGateway: parse(notes) } });
  });
});
