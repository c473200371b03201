import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';

/** What Kubernetes itself checks, and says so better. */
const kubernetesObject = z.looseObject({});
const kubernetesObjects = z.array(kubernetesObject);

const ownLabels = [
  'app.kubernetes.io/name',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/version',
  'app.kubernetes.io/managed-by',
  'helm.sh/chart',
];
/** Pods are found by them, so nobody sets the chart's own. */
const labels = z.record(z.string(), z.string()).meta({
  propertyNames: { not: { enum: ownLabels } },
});
const annotations = z.record(z.string(), z.string());

/** Pods are reached from other pods, at a port that Services and policies name. */
const everyInterface = z.looseObject({
  address: z.string().regex(/^(0\.0\.0\.0|\[::\]):[1-9][0-9]{0,4}$/),
});
const reachable = z.looseObject({ grpc: everyInterface, http: everyInterface });

/** Every option of Offramp, checked before anything is installed. */
const config = z.looseObject({}).meta({
  allOf: [configSchema, reachable].map((schema) => {
    const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' });
    return json;
  }),
});

const networkPolicyPeer = z.strictObject({
  namespaceSelector: kubernetesObject.optional(),
  podSelector: kubernetesObject.optional(),
  ipBlock: kubernetesObject.optional(),
});

/** The values of the Helm chart; values.schema.json is made from it. */
export const chartValuesSchema = z.strictObject({
  global: z.looseObject({}).optional(), // Helm adds it for charts that use this one
  fullnameOverride: z.string().max(57),
  replicas: z.int().min(1),
  image: z.strictObject({
    repository: z.string().min(1),
    tag: z.string(),
    digest: z.string().regex(/^(sha256:[0-9a-f]{64})?$/),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
    pullSecrets: z.array(z.strictObject({ name: z.string().min(1) })),
  }),
  config,
  stateFile: z.union([
    z.strictObject({}),
    z.strictObject({ connectors: z.array(kubernetesObject) }),
  ]),
  tls: z.strictObject({ secretName: z.string() }),
  serviceAccount: z.strictObject({ create: z.boolean(), name: z.string(), annotations }),
  rbac: z.strictObject({ create: z.boolean() }),
  service: z.strictObject({ annotations }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    grpcFrom: z.array(networkPolicyPeer).min(1), // none would mean all
    httpFrom: z.array(networkPolicyPeer),
  }),
  podMonitor: z.strictObject({ enabled: z.boolean(), interval: z.string(), labels }),
  prometheusRule: z.strictObject({
    enabled: z.boolean(),
    labels,
    docsUrl: z.string().regex(/^(https?:\/\/\S+\/)?$/),
  }),
  grafanaDashboard: z.strictObject({ enabled: z.boolean(), labels, annotations }),
  podDisruptionBudget: z.strictObject({
    maxUnavailable: z.union([z.int().min(1), z.string().regex(/^[1-9][0-9]?%$/)]),
  }),
  topologySpread: z.strictObject({
    topologyKeys: z.array(z.string()),
    whenUnsatisfiable: z.enum(['ScheduleAnyway', 'DoNotSchedule']),
  }),
  preStopSleepSeconds: z.int().min(0),
  resources: z.strictObject({
    requests: kubernetesObject.optional(),
    limits: kubernetesObject.optional(),
    claims: kubernetesObjects.optional(),
  }),
  env: kubernetesObjects,
  extraVolumes: kubernetesObjects,
  extraVolumeMounts: kubernetesObjects,
  commonLabels: labels,
  podLabels: labels,
  podAnnotations: annotations,
  nodeSelector: z.record(z.string(), z.string()),
  tolerations: kubernetesObjects,
  affinity: kubernetesObject,
  priorityClassName: z.string(),
});
