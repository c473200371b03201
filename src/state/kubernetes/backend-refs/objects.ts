import * as z from 'zod';

/** A backendRef as a route has it, every default filled in. */
export interface RouteRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number | undefined;
  readonly weight: number;
}

/** What is kept of an HTTPRoute or GRPCRoute: the backendRefs of its rules. */
export interface RouteRules {
  readonly rules: readonly (readonly RouteRef[])[];
}

/** What is kept of a Service or ServiceImport: the names of its TCP ports, by number. */
export interface ServicePorts {
  readonly ports: Readonly<Record<number, string>>;
  /** A name of another host, which Envoy Gateway refuses to route to. */
  readonly isExternalName: boolean;
}

/** What is kept of an EndpointSlice. */
export interface EndpointCounts {
  /** Kind and name of what it belongs to, in its own namespace. */
  readonly owner: { readonly kind: 'Service' | 'ServiceImport'; readonly name: string };
  readonly portNames: readonly string[];
  /** Endpoints that take requests. */
  readonly ready: number;
  readonly total: number;
}

/** What is kept of a Backend of Envoy Gateway. */
export interface BackendKind {
  readonly isDynamic: boolean;
  /** It lists no endpoint; the API refuses an empty list, but not none. */
  readonly isEmpty: boolean;
}

/** What is kept of a ReferenceGrant: who in other namespaces may refer to what in its own. */
export interface Grants {
  readonly from: readonly { group: string; kind: string; namespace: string }[];
  readonly to: readonly { group: string; kind: string; name: string | undefined }[];
}

const refSchema = z.object({
  group: z.string().nullish(),
  kind: z.string().nullish(),
  namespace: z.string().nullish(),
  name: z.string(),
  port: z.number().nullish(),
  weight: z.number().nullish(),
});

const routeSchema = z.object({
  metadata: z.object({ namespace: z.string() }),
  spec: z.object({
    rules: z.array(z.object({ backendRefs: z.array(refSchema).nullish() })).nullish(),
  }),
});

/** Reads an HTTPRoute or GRPCRoute. One of an unknown form has no rules. */
export function readRouteRules(object: unknown): RouteRules {
  const parsed = routeSchema.safeParse(object);
  if (!parsed.success) return { rules: [] };
  const { metadata, spec } = parsed.data;
  const rules = (spec.rules ?? []).map(({ backendRefs }) =>
    (backendRefs ?? []).map((ref) => ({
      group: ref.group ?? '',
      kind: ref.kind ?? 'Service',
      namespace: ref.namespace || metadata.namespace,
      name: ref.name,
      port: ref.port ?? undefined,
      weight: ref.weight ?? 1,
    })),
  );
  return { rules };
}

const portsSchema = z.object({
  spec: z.object({
    type: z.string().nullish(),
    ports: z
      .array(
        z.object({
          name: z.string().nullish(),
          port: z.number(),
          protocol: z.string().nullish(),
        }),
      )
      .nullish(),
  }),
});

/** Reads a Service or ServiceImport. */
export function readServicePorts(object: unknown): ServicePorts {
  const parsed = portsSchema.safeParse(object);
  const ports = parsed.success ? (parsed.data.spec.ports ?? []) : [];
  const named = ports
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    .map(({ port, name }): [number, string] => [port, name ?? '']);
  const isExternalName = parsed.success && parsed.data.spec.type === 'ExternalName';
  return { ports: Object.fromEntries(named), isExternalName };
}

const sliceSchema = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).nullish() }),
  ports: z.array(z.object({ name: z.string().nullish() })).nullish(),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).nullish(),
        conditions: z
          .object({
            ready: z.boolean().nullish(),
            serving: z.boolean().nullish(),
            terminating: z.boolean().nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
});

type Conditions = NonNullable<
  NonNullable<z.output<typeof sliceSchema>['endpoints']>[number]['conditions']
>;

const ownerLabels = [
  ['multicluster.kubernetes.io/service-name', 'ServiceImport'],
  ['kubernetes.io/service-name', 'Service'],
] as const;

/** Reads an EndpointSlice; undefined when it belongs to nothing that a backendRef can name. */
export function readEndpointCounts(object: unknown): EndpointCounts | undefined {
  const parsed = sliceSchema.safeParse(object);
  if (!parsed.success) return undefined;
  const { metadata, ports, endpoints } = parsed.data;
  const [label, kind] = ownerLabels.find(([one]) => metadata.labels?.[one] !== undefined) ?? [];
  const name = label && metadata.labels?.[label];
  if (name === undefined || kind === undefined) return undefined;
  const addressed = (endpoints ?? []).filter(({ addresses }) => (addresses ?? []).length > 0);
  return {
    owner: { kind, name },
    portNames: (ports ?? []).map((port) => port.name ?? ''),
    ready: addressed.filter(({ conditions }) => takesRequests(conditions ?? {})).length,
    total: addressed.length,
  };
}

/** As Envoy Gateway decides whether an endpoint is drained. */
function takesRequests({ ready, serving, terminating }: Conditions): boolean {
  if (typeof serving === 'boolean' && typeof terminating === 'boolean') {
    return serving && !terminating;
  }
  return ready !== false;
}

const backendSchema = z.object({
  spec: z.object({ type: z.string().nullish(), endpoints: z.array(z.unknown()).nullish() }),
});

/** Reads a Backend of Envoy Gateway. One of an unknown form is taken to list endpoints. */
export function readBackendKind(object: unknown): BackendKind {
  const parsed = backendSchema.safeParse(object);
  if (!parsed.success) return { isDynamic: false, isEmpty: false };
  const { type, endpoints } = parsed.data.spec;
  const isDynamic = type === 'DynamicResolver';
  return { isDynamic, isEmpty: !isDynamic && (endpoints ?? []).length === 0 };
}

const grantSchema = z.object({
  spec: z.object({
    from: z.array(z.object({ group: z.string(), kind: z.string(), namespace: z.string() })),
    to: z.array(z.object({ group: z.string(), kind: z.string(), name: z.string().nullish() })),
  }),
});

/** Reads a ReferenceGrant. One of an unknown form grants nothing. */
export function readGrants(object: unknown): Grants {
  const parsed = grantSchema.safeParse(object);
  if (!parsed.success) return { from: [], to: [] };
  const { from, to } = parsed.data.spec;
  return { from, to: to.map((one) => ({ ...one, name: one.name || undefined })) };
}
