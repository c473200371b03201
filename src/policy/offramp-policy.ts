import { z } from 'zod';
import { fields } from '../xds/fields.ts';
import { decodeString, lastValueOf, valuesOf } from '../xds/wire.ts';
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

const policySchema = z.object({
  apiVersion: z.string().startsWith(`${policyGroup}/`),
  kind: z.literal(policyKind),
  metadata: z.object({
    namespace: z.string().default('default'),
    name: z.string(),
    creationTimestamp: z.coerce.date().optional().catch(undefined),
  }),
  spec: z.looseObject({ targetRefs: z.array(targetSchema).default([]).catch([]) }).default({
    targetRefs: [],
  }),
});

const settingsSchema = z.strictObject({
  targetRefs: z.unknown().optional(),
  emptyBackends: z.strictObject({ mode: z.enum(emptyBackendsModes).optional() }).optional(),
  controlPlaneFallback: fallbackSpecSchema.optional(),
});

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
  const parsed = policySchema.safeParse(parseJson(json));
  if (!parsed.success) return undefined;
  const { metadata, spec } = parsed.data;
  const settings = settingsSchema.safeParse(spec);
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    created: metadata.creationTimestamp?.getTime() ?? 0,
    targets: spec.targetRefs.map(({ kind, name, sectionName }) => ({ kind, name, sectionName })),
    emptyBackendsMode: modeOf(spec),
    fallback: readFallbackSpec(spec.controlPlaneFallback),
    problems: settings.success ? [] : settings.error.issues.map(problemOf),
  };
}

/** A known mode counts even when something else in the policy is unknown. */
function modeOf(spec: Readonly<Record<string, unknown>>): EmptyBackendsMode | undefined {
  const known = z
    .object({ emptyBackends: z.object({ mode: z.enum(emptyBackendsModes) }) })
    .safeParse(spec);
  return known.success ? known.data.emptyBackends.mode : undefined;
}

function problemOf({ path, message }: z.core.$ZodIssue): string {
  return `spec${path.map((part) => `.${String(part)}`).join('')}: ${message}`;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
