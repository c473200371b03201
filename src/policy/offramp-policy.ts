import * as z from 'zod';
import { fields } from '../xds/fields.ts';
import { decodeString } from '../xds/text.ts';
import { lastValueOf, valuesOf } from '../xds/wire.ts';
import { type FallbackSpec, fallbackSpecSchema, readFallbackSpec } from './fallback-policy.ts';

/** What the configuration or a policy can say about empty backendRefs. */
export const emptyBackendsModes = ['Rebalance', 'Keep'] as const;

/** One of `emptyBackendsModes`. */
export type EmptyBackendsMode = (typeof emptyBackendsModes)[number];

/** The object, or the part of one, that a policy is for. It is in the policy's namespace. */
export interface PolicyTarget {
  readonly kind: string;
  readonly name: string;
  /** Listener of a Gateway, rule of a route; undefined for the whole object. */
  readonly sectionName: string | undefined;
}

/** An OfframpPolicy, as far as it could be understood. */
export interface OfframpPolicy {
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds since 1970; of two policies at one level the older wins. */
  readonly created: number;
  readonly targets: readonly PolicyTarget[];
  readonly emptyBackendsMode: EmptyBackendsMode | undefined;
  readonly fallback: FallbackSpec;
  /** What in it could not be understood, and is ignored. */
  readonly problems: readonly string[];
}

/** Group and kind of our policy's objects. */
export const policyGroup = 'offramp.dev';
export const policyKind = 'OfframpPolicy';

const targetSchema = z.object({
  kind: z.string(),
  name: z.string(),
  sectionName: z.string().optional(),
});

const headSchema = z.object({
  apiVersion: z.string().startsWith(`${policyGroup}/`),
  kind: z.literal(policyKind),
  metadata: z.unknown().optional(),
  spec: z.unknown().optional(),
});

/** Everything that is understood; what differs from it is a problem. */
const strictSchema = z.object({
  metadata: z.object({
    namespace: z.string().optional(),
    name: z.string(),
    creationTimestamp: z.coerce.date().optional(),
  }),
  spec: z.strictObject({
    targetRefs: z.array(z.looseObject(targetSchema.shape)),
    emptyBackends: z.strictObject({ mode: z.enum(emptyBackendsModes).optional() }).optional(),
    controlPlaneFallback: fallbackSpecSchema.optional(),
  }),
});

/** What is understood counts, whatever else there is. */
const metadataSchema = z
  .object({
    namespace: z.string().min(1).catch('default'),
    name: z.string().catch('(unnamed)'),
    creationTimestamp: z.coerce.date().optional().catch(undefined),
  })
  .catch({ namespace: 'default', name: '(unnamed)' });

const specSchema = z
  .object({
    targetRefs: z.array(z.unknown()).catch([]),
    emptyBackends: z
      .object({ mode: z.enum(emptyBackendsModes).optional().catch(undefined) })
      .catch({}),
    controlPlaneFallback: z.unknown().optional(),
  })
  .catch({ targetRefs: [], emptyBackends: {}, controlPlaneFallback: undefined });

/** A policy of a megabyte must not make a stamp, or a log line, of a megabyte. */
const maxProblems = 5;
const maxProblemLength = 200;

/**
 * The policies among the ExtensionResources of a hook's context, each the JSON of a whole object.
 * Objects of other kinds are passed over. Throws MalformedMessageError for the message around them.
 */
export function readPolicies(context: Uint8Array, list: 'targetsGateway' | 'targetsRoute') {
  const field =
    list === 'targetsGateway'
      ? fields.PostTranslateExtensionContext.extension_resources
      : fields.PostRouteExtensionContext.extension_policies;
  return valuesOf(context, field).flatMap((resource): OfframpPolicy[] => {
    const json = lastValueOf(resource, fields.ExtensionResource.unstructured_bytes);
    const policy = json && parsePolicy(decodeString(json));
    return policy === undefined ? [] : [policy];
  });
}

/** Reads one object's JSON; undefined when it is no OfframpPolicy. What is unknown in it is a problem. */
export function parsePolicy(json: string): OfframpPolicy | undefined {
  const object = parseJson(json);
  const head = headSchema.safeParse(object);
  if (!head.success) return undefined;
  const metadata = metadataSchema.parse(head.data.metadata);
  const spec = specSchema.parse(head.data.spec);
  const strict = strictSchema.safeParse(object);
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    created: metadata.creationTimestamp?.getTime() ?? 0,
    targets: spec.targetRefs.flatMap(readTarget),
    emptyBackendsMode: spec.emptyBackends.mode,
    fallback: readFallbackSpec(spec.controlPlaneFallback),
    problems: strict.success ? [] : strict.error.issues.slice(0, maxProblems).map(problemOf),
  };
}

function readTarget(target: unknown): PolicyTarget[] {
  const parsed = targetSchema.safeParse(target);
  if (!parsed.success) return [];
  const { kind, name, sectionName } = parsed.data;
  return [{ kind, name, sectionName }];
}

function problemOf({ path, message }: z.core.$ZodIssue): string {
  const problem = `${path.map(String).join('.')}: ${message}`;
  return problem.length > maxProblemLength ? `${problem.slice(0, maxProblemLength)}…` : problem;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
