import type { ChartValues } from './charts.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const from = (namespace: string) => [
  { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
];

/** Values of the chart that differ in what it makes of them. */
export const chartValueSets: readonly (readonly [what: string, values: ChartValues])[] = [
  ['the default values', {}],
  ['two namespaces', { config: { state: { kubernetes: { namespaces: ['blue', 'green'] } } } }],
  ['no annotation of Gateways', { config: { retrigger: { gatewayAnnotation: false } } }],
  ['endpoints by hook', { config: { emptyBackends: { endpoints: 'hook' } } }],
  [
    'the API server of another cluster',
    {
      config: { state: { kubernetes: { kubeconfig: '/etc/other-cluster/kubeconfig' } } },
      extraVolumes: [{ name: 'other-cluster', secret: { secretName: 'other-cluster' } }],
      extraVolumeMounts: [{ name: 'other-cluster', mountPath: '/etc/other-cluster' }],
    },
  ],
  [
    'a state file',
    {
      config: { state: { kubernetes: null, file: { path: 'connectors.yaml' } } },
      stateFile: {
        connectors: [
          {
            name: 'berlin',
            online: false,
            routes: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin' }],
          },
        ],
      },
    },
  ],
  ['a PodMonitor', { podMonitor: { enabled: true, labels: { release: 'prometheus' } } }],
  [
    'alerts and a dashboard',
    {
      prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
      grafanaDashboard: { enabled: true, annotations: { grafana_folder: 'Gateways' } },
    },
  ],
  ['no pause and one pod', { preStopSleepSeconds: 0, replicas: 1 }],
  [
    'other ports over IPv6',
    { config: { grpc: { address: '[::]:7000' }, http: { address: '[::]:7001' } } },
  ],
  ['no NetworkPolicy', { networkPolicy: { enabled: false } }],
  [
    'plain text',
    { config: { grpc: { tls: null, insecure: true } }, networkPolicy: { enabled: false } },
  ],
  [
    'TLS without a Secret of its own',
    {
      config: { grpc: { tls: { certFile: '/etc/certificates/tls.crt' } } },
      tls: { secretName: '' },
      extraVolumes: [{ name: 'certificates', secret: { secretName: 'mine' } }],
      extraVolumeMounts: [{ name: 'certificates', mountPath: '/etc/certificates' }],
    },
  ],
  ['other peers', { networkPolicy: { grpcFrom: from('gateways'), httpFrom: [] } }],
  [
    'everything else',
    {
      fullnameOverride: 'edge',
      image: {
        repository: 'registry.example.com/offramp',
        digest,
        pullPolicy: 'Always',
        pullSecrets: [{ name: 'registry' }],
      },
      serviceAccount: { create: false, name: 'mine' },
      service: { annotations: { a: 'b' } },
      podDisruptionBudget: { maxUnavailable: '50%' },
      topologySpread: {
        topologyKeys: ['kubernetes.io/hostname'],
        whenUnsatisfiable: 'DoNotSchedule',
      },
      resources: { limits: { cpu: 2 } },
      env: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=512' }],
      commonLabels: { team: 'edge' },
      podLabels: { tier: 'control' },
      podAnnotations: { note: 'x' },
      nodeSelector: { pool: 'control' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      priorityClassName: 'system-cluster-critical',
    },
  ],
];
