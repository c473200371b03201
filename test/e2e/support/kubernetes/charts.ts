import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { testbedToolPath } from '../testbed-cache.ts';
import { TESTBED_VERSIONS } from '../testbed-versions.ts';
import type { RunningKubernetes } from './kubernetes.ts';

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

/** An object that a chart or kustomization made. */
export type RenderedObject = z.output<typeof objectSchema>;

/** Values of a Helm chart, as a values file has them. */
export type ChartValues = Readonly<Record<string, unknown>>;

/** Where our chart and kustomizations are, and Envoy Gateway's own chart. */
export const folders = {
  deploy: path.resolve('deploy'),
  chart: path.resolve('deploy', 'helm', 'offramp'),
  deployment: path.resolve('deploy', 'kustomize', 'deployment'),
  sidecar: path.resolve('deploy', 'kustomize', 'sidecar'),
  envoyGatewayChart: testbedToolPath('gateway-chart'),
} as const;

/** The namespaces that the documents name. */
export const namespaces = {
  offramp: 'offramp-system',
  envoyGateway: 'envoy-gateway-system',
} as const;

/** What `helm template` makes of our chart, as the release `offramp`. */
export async function renderChart(
  kubernetes: RunningKubernetes,
  values: ChartValues = {},
  namespace: string = namespaces.offramp,
): Promise<readonly RenderedObject[]> {
  const args = ['template', 'offramp', folders.chart, '--namespace', namespace];
  return parseObjects(
    await kubernetes.helm([...args, ...kubeVersion(), '--values', '-'], {
      input: JSON.stringify(values),
    }),
  );
}

/** Helm without a cluster: which Kubernetes to render for. */
export function kubeVersion(): readonly string[] {
  return ['--kube-version', TESTBED_VERSIONS.kubernetes];
}

/** The objects of a stream of YAML documents. */
export function parseObjects(text: string): readonly RenderedObject[] {
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((object) => object !== null)
    .map((object) => objectSchema.parse(object));
}

/** The one object of a kind, and of a name when there are several. */
export function objectOf(
  objects: readonly RenderedObject[],
  kind: string,
  name?: string,
): RenderedObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  const [only, second] = found;
  if (only === undefined || second !== undefined) {
    throw new Error(`there are ${found.length} of ${kind} ${name ?? ''}`);
  }
  return only;
}

const probeSchema = z.looseObject({ httpGet: z.looseObject({ path: z.string() }) });
const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  restartPolicy: z.string().optional(),
  securityContext: z.looseObject({ runAsUser: z.number().optional() }),
  readinessProbe: probeSchema.optional(),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});
const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    replicas: z.number(),
    template: z.looseObject({
      metadata: z.looseObject({}),
      spec: z.looseObject({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.boolean(),
        terminationGracePeriodSeconds: z.number(),
        initContainers: z.array(containerSchema).default([]),
        containers: z.array(containerSchema),
        volumes: z.array(z.unknown()),
      }),
    }),
  }),
});

/** The Deployment of that name. */
export function deploymentOf(
  objects: readonly RenderedObject[],
  name: string,
): z.output<typeof deploymentSchema>['spec'] {
  return deploymentSchema.parse(objectOf(objects, 'Deployment', name)).spec;
}

/** The pod that a Deployment would make. */
export function podOf(objects: readonly RenderedObject[], name: string): RenderedObject {
  const { metadata, spec } = deploymentOf(objects, name).template;
  const { namespace } = objectOf(objects, 'Deployment', name).metadata;
  const named = {
    ...metadata,
    name: `${name}-1`,
    ...(namespace === undefined ? {} : { namespace }),
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: named, spec };
}

const configMapSchema = z.looseObject({ data: z.record(z.string(), z.string()) });

/** A file in the only ConfigMap that has one of that name. */
export function fileOf(objects: readonly RenderedObject[], file: string): string {
  const found = objects
    .filter(({ kind }) => kind === 'ConfigMap')
    .flatMap((object) => configMapSchema.parse(object).data[file] ?? []);
  const [only, second] = found;
  if (only === undefined || second !== undefined) throw new Error(`${found.length} of ${file}`);
  return only;
}

/** The same, parsed. */
export function parsedFileOf(objects: readonly RenderedObject[], file: string): unknown {
  return parse(fileOf(objects, file));
}

/** Has the API server accept the objects, without keeping them; unknown fields are refused. */
export async function dryRun(
  kubernetes: RunningKubernetes,
  objects: readonly RenderedObject[],
): Promise<void> {
  const args = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
  const items = [...objects];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubernetes.kubectl(args, { input });
}

/** Namespaces in which only pods of the restricted Pod Security Standard may run. */
export function restrictedNamespaces(...names: readonly string[]): readonly RenderedObject[] {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }));
}
