import * as z from 'zod';
import { logLevels } from '../observe/log-level.ts';
import { emptyBackendsModes } from '../policy/offramp-policy.ts';
import { endpointSources } from '../rewrites/pipeline.ts';
import { addressesMeet, loopbackAddressSchema } from './addresses.ts';
import { controlPlaneFallbackSchema } from './control-plane-fallback.ts';
import { durationSchema, milliseconds } from './durations.ts';
import { grpcSchema } from './grpc.ts';
import { httpSchema } from './http.ts';

/** Envoy's default limit for the body of a direct response, in bytes. */
const maxBodyBytes = 4096;
const namespaceName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const offlineResponseSchema = z
  .strictObject({
    status: z
      .int()
      .min(200)
      .max(599)
      .default(503)
      .describe('HTTP status, 200 to 599. A handshake of WebSocket always gets 503.'),
    body: z
      .string()
      .refine((body) => Buffer.byteLength(body) <= maxBodyBytes, {
        error: `Envoy answers with at most ${maxBodyBytes} bytes`,
      })
      .default('Tunnel not online')
      .describe(
        `Body of the answer, at most ${maxBodyBytes} bytes; gRPC clients get it as message. Left out where a route configuration allows fewer.`,
      ),
    headers: z
      .record(
        z
          .string()
          .regex(headerName, { error: 'not an HTTP header name' })
          .refine((name) => name.toLowerCase() !== 'host', { error: 'Envoy refuses to set host' }),
        z
          .union([z.string(), z.number()])
          .transform(String)
          .refine((value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value), {
            error: 'not an HTTP header value',
          }),
      )
      .default({})
      .describe('Response headers to set, for instance Retry-After: "30".'),
  })
  .prefault({})
  .describe('What a request gets whose connector is offline.');

const fileSourceSchema = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .default('connectors.yaml')
      .describe('State file, relative to the configuration file; watched for changes.'),
  })
  .describe('Connectors from a state file; the default.');

const kubernetesSourceSchema = z
  .strictObject({
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Kubeconfig file, relative to the configuration file. Without it: the service account of the ' +
          'pod, else $KUBECONFIG, else ~/.kube/config.',
      ),
    namespaces: z
      .array(z.string().regex(namespaceName, { error: 'not a namespace name' }))
      .default([])
      .describe(
        'Namespaces to watch, of HTTPProxies, Connectors, HTTPRoutes and Gateways alike. Empty: all.',
      ),
  })
  .describe('Connectors from the Kubernetes API; instead of state.file.');

const stateSourceSchema = z
  .strictObject({
    file: fileSourceSchema.optional(),
    kubernetes: kubernetesSourceSchema.optional(),
  })
  .refine(({ file, kubernetes }) => file === undefined || kubernetes === undefined, {
    path: ['kubernetes'],
    error: 'there is state.file already; give one of the two',
  })
  .prefault({})
  .transform(({ file, kubernetes }) =>
    kubernetes === undefined
      ? { file: file ?? fileSourceSchema.parse({}) }
      : { kubernetes: { ...kubernetes, namespaces: [...new Set(kubernetes.namespaces)] } },
  );

/** Every option of Offramp, with its default: the one list that files, docs and checks come from. */
export const configSchema = z
  .strictObject({
    apiVersion: z
      .literal('offramp.dev/v1alpha1')
      .default('offramp.dev/v1alpha1')
      .describe('The only version there is.'),
    kind: z
      .literal('OfframpConfiguration')
      .default('OfframpConfiguration')
      .describe('The only kind there is.'),
    grpc: grpcSchema,
    http: httpSchema,
    metrics: z
      .strictObject({
        prefix: z
          .string()
          .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, { error: 'expected letters, digits and _' })
          .default('offramp')
          .describe(
            'In front of every metric name of ours, with a _ between. With nso_extension, dashboards ' +
              'of the network-services-operator keep working.',
          ),
      })
      .prefault({}),
    admin: z
      .strictObject({
        address: loopbackAddressSchema.describe(
          'Where /log-level is, for this machine alone: host:port of a loopback address.',
        ),
      })
      .optional()
      .describe('Where a running Offramp can be told something. Off without it.'),
    log: z
      .strictObject({
        level: z
          .enum(logLevels)
          .default('info')
          .describe(
            'Least severe level that is logged. debug adds every change of every hook call. SIGUSR2 ' +
              'switches to debug and back.',
          ),
      })
      .prefault({}),
    mode: z
      .enum(['apply', 'shadow'])
      .default('apply')
      .describe('apply: change the snapshot. shadow: report and count, change nothing.'),
    state: stateSourceSchema,
    retrigger: z
      .strictObject({
        folder: z
          .string()
          .min(1)
          .optional()
          .describe(
            'Folder that a standalone Envoy Gateway watches, relative to the configuration file. ' +
              'Given, a change of state reaches Envoy by itself; without it, with the next translation.',
          ),
        gatewayAnnotation: z
          .boolean()
          .default(true)
          .describe(
            'With state.kubernetes: annotate the Gateways that a change of state concerns, so that Envoy ' +
              'Gateway translates them again.',
          ),
      })
      .prefault({}),
    connectors: z
      .strictObject({
        offlineResponse: offlineResponseSchema,
        internalListener: z
          .string()
          .min(1)
          .default('connector-tunnel')
          .describe(
            'Name of Envoy’s internal listener at which tunnels start. Offramp does not make it: ' +
              'Envoy must have it.',
          ),
      })
      .prefault({}),
    emptyBackends: z
      .strictObject({
        mode: z
          .enum(emptyBackendsModes)
          .default('Rebalance')
          .describe(
            'Rebalance: a backendRef without an endpoint that takes requests leaves its split, the ' +
              'others have all requests. Keep: it keeps its share, as 503, as Envoy Gateway has it. ' +
              'Where an OfframpPolicy says otherwise, that counts.',
          ),
        endpoints: z
          .enum(endpointSources)
          .default('slices')
          .describe(
            'Who says whether a backendRef with a cluster of its own has endpoints that take requests. ' +
              'slices: the state, which reads EndpointSlices in Kubernetes. hook: Envoy Gateway, which ' +
              'calls Offramp for each cluster of each translation when Endpoints is in its hooks.',
          ),
      })
      .prefault({}),
    controlPlaneFallback: controlPlaneFallbackSchema,
    watchdog: z
      .strictObject({
        blockedFor: durationSchema(1, 600)
          .default('10s')
          .describe(
            'How long the process may do nothing but one thing. Then it ends itself with exit code 75, ' +
              'for whoever started it to start it again: a hook call has no deadline of its own.',
          ),
      })
      .prefault({}),
  })
  .refine(
    ({ grpc, watchdog }) =>
      milliseconds(grpc.limits.callBudget) < milliseconds(watchdog.blockedFor),
    {
      path: ['grpc', 'limits', 'callBudget'],
      error: 'has to be shorter than watchdog.blockedFor, which ends the process',
    },
  )
  .refine(({ grpc, http }) => !addressesMeet(grpc.address, http.address), {
    path: ['http', 'address'],
    error: 'grpc.address has this port already',
  })
  .refine(
    ({ grpc, http, admin }) =>
      admin === undefined ||
      ![grpc, http].some(({ address }) => addressesMeet(address, admin.address)),
    { path: ['admin', 'address'], error: 'another address has this port already' },
  )
  .refine(
    ({ state, retrigger }) => state.kubernetes === undefined || retrigger.folder === undefined,
    {
      path: ['retrigger', 'folder'],
      error: 'works with state.file only; with state.kubernetes, Gateways are annotated instead',
    },
  );

/** The whole configuration, every default filled in. */
export type Config = z.output<typeof configSchema>;

/** What `state.kubernetes` says. */
export type KubernetesSourceConfig = z.output<typeof kubernetesSourceSchema>;
