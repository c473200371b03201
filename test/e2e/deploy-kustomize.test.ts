import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkWith } from './support/check-with.ts';
import {
  deploymentOf,
  dryRun,
  fileOf,
  folders,
  kubeVersion,
  namespaces,
  objectOf,
  parseObjects,
  podOf,
  type RenderedObject,
  renderChart,
  restrictedNamespaces,
} from './support/kubernetes/charts.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { withoutHelm } from './support/kubernetes/without-helm.ts';

let kubernetes: RunningKubernetes;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  await kubernetes.apply(restrictedNamespaces(namespaces.offramp, namespaces.envoyGateway));
});

afterAll(async () => {
  await kubernetes?.stop();
});

const made = (from: string) =>
  `Made from the Helm chart${from} by \`npm run generate:deploy\`; a test keeps it equal. Edit the chart.`;

describe('the kustomization of a Deployment', () => {
  const base = path.join(folders.deployment, 'base');
  const build = async (folder: string) =>
    parseObjects(await kubernetes.kubectl(['kustomize', path.join(folders.deployment, folder)]));

  it('has the objects and the configuration of the chart', async () => {
    const objects = await renderChart(kubernetes);
    await expect(withoutHelm(objects, made(''))).toMatchFileSnapshot(
      path.join(base, 'objects.yaml'),
    );
    await expect(fileOf(objects, 'offramp.yaml')).toMatchFileSnapshot(
      path.join(base, 'offramp.yaml'),
    );
  });

  it.each(['base', 'overlays/example'])('%s is accepted by the API server', async (folder) => {
    const objects = await build(folder);
    await dryRun(kubernetes, [...objects, podOf(objects, 'offramp')]);
    const said = await checkWith(kubernetes, { 'offramp.yaml': fileOf(objects, 'offramp.yaml') });
    expect(said).toContain('a valid OfframpConfiguration');
  });

  it('wants restricted pods in its namespace', async () => {
    expect(restrictedNamespaces(namespaces.offramp)).toEqual([
      objectOf(await build('base'), 'Namespace'),
    ]);
  });

  it('rolls the pods when an overlay has another configuration', async () => {
    const [before, after] = [await build('base'), await build('overlays/example')];
    const name = objectOf(after, 'ConfigMap').metadata.name;
    expect(objectOf(before, 'ConfigMap').metadata.name).not.toBe(name);
    const { replicas, template } = deploymentOf(after, 'offramp');
    expect({ replicas, volumes: template.spec.volumes }).toMatchObject({
      replicas: 3,
      volumes: [{ projected: { sources: [{ configMap: { name } }] } }, { name: 'tls' }],
    });
    expect(template.spec.containers).toMatchObject([
      { image: 'registry.example.com/offramp:0.1.0' },
    ]);
  });
});

describe('the sidecar', () => {
  let before: readonly RenderedObject[];
  let after: readonly RenderedObject[];
  const values = path.join(folders.sidecar, 'envoy-gateway-values.yaml');

  beforeAll(async () => {
    const chart = ['template', 'eg', folders.envoyGatewayChart, ...kubeVersion()];
    const args = [...chart, '--namespace', namespaces.envoyGateway, '--values', values];
    const postRenderer = path.join(folders.sidecar, 'post-render.sh');
    before = parseObjects(await kubernetes.helm(args));
    after = parseObjects(await kubernetes.helm([...args, '--post-renderer', postRenderer]));
  });

  it('has the rights of the chart, for the service account of Envoy Gateway', async () => {
    const rendered = await renderChart(
      kubernetes,
      { serviceAccount: { create: false, name: 'envoy-gateway' } },
      namespaces.envoyGateway,
    );
    const rights = rendered.filter(({ kind }) => kind.startsWith('ClusterRole'));
    await expect(withoutHelm(rights, made(''))).toMatchFileSnapshot(
      path.join(folders.sidecar, 'rbac.yaml'),
    );
    expect(objectOf(after, 'ClusterRoleBinding', 'offramp')).toMatchObject({
      subjects: [{ name: deploymentOf(after, 'envoy-gateway').template.spec.serviceAccountName }],
    });
  });

  it('leaves everything else of the official chart as it was', () => {
    const names = ({ kind, metadata }: RenderedObject) => `${kind} ${metadata.name}`;
    const known = new Set(before.map(names));
    const added = after.filter((object) => !known.has(names(object)));
    expect(added.map(({ kind }) => kind).sort()).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
    ]);
    for (const object of before.filter(({ kind }) => kind !== 'Deployment')) {
      expect(objectOf(after, object.kind, object.metadata.name)).toEqual(object);
    }
    const { initContainers, containers, volumes } = deploymentOf(after, 'envoy-gateway').template
      .spec;
    const was = deploymentOf(before, 'envoy-gateway').template.spec;
    expect(initContainers).toHaveLength(1);
    expect(volumes).toEqual(expect.arrayContaining(was.volumes));
    const withoutMount = containers.map(({ volumeMounts, ...container }) => ({
      ...container,
      volumeMounts: volumeMounts.filter(({ name }) => name !== 'offramp-socket'),
    }));
    expect(withoutMount).toEqual(was.containers);
  });

  it('is accepted by the API server, its pod under the restricted standard', async () => {
    await dryRun(kubernetes, [...after, podOf(after, 'envoy-gateway')]);
  });

  it('starts before Envoy Gateway, and is never the reason to take xDS from the Envoys', () => {
    const [offramp] = deploymentOf(after, 'envoy-gateway').template.spec.initContainers;
    expect(offramp).toMatchObject({
      restartPolicy: 'Always',
      startupProbe: { httpGet: { path: '/readyz' } },
      livenessProbe: { httpGet: { path: '/healthz' } },
    });
    expect(offramp?.readinessProbe).toBeUndefined();
  });

  it('shares the socket and the user with Envoy Gateway, and no port', () => {
    const { initContainers, containers } = deploymentOf(after, 'envoy-gateway').template.spec;
    const all = [...initContainers, ...containers];
    const [socket] = [fileOf(after, 'offramp.yaml')].map(
      (text) => /unix:(.*)\/offramp.sock/.exec(text)?.[1],
    );
    expect(socket).toBe('/run/offramp');
    for (const { volumeMounts } of all) {
      expect(volumeMounts).toContainEqual(
        expect.objectContaining({ name: 'offramp-socket', mountPath: socket }),
      );
    }
    const users = new Set(all.map(({ securityContext }) => securityContext.runAsUser));
    expect([...users]).toEqual([65_532]);
    const ports = [
      ...all.flatMap((one) => one.ports.map((port) => port.containerPort)),
      8080,
      8081,
    ];
    expect(ports).toEqual([...new Set(ports)]);
  });

  it('has configurations of Offramp and of Envoy Gateway that fit', async () => {
    const said = await checkWith(kubernetes, {
      'offramp.yaml': fileOf(after, 'offramp.yaml'),
      'envoy-gateway.yaml': fileOf(after, 'envoy-gateway.yaml'),
      'values.yaml': await readFile(values, 'utf8'),
    });
    expect(said).not.toMatch(/^warning: (?!.*\[kind-absent\]$)/m);
    expect(said.match(/fits Offramp at unix:\/run\/offramp\/offramp.sock/g)).toHaveLength(2);
  });
});
