import * as z from 'zod';
import { objectKey } from '../state/kubernetes/kubernetes-view.ts';

/**
 * The annotation that makes Envoy Gateway translate a Gateway again: keys that start so become part
 * of what it translates, others do not.
 */
export const generationAnnotation = 'gateway.envoyproxy.io/offramp-generation';

/** The same as virtual hosts show it. */
export const generationInSnapshot = 'offramp-generation';

const gatewayApiGroup = 'gateway.networking.k8s.io';

const httpRouteSchema = z.object({
  metadata: z.object({ namespace: z.string() }),
  spec: z
    .object({
      parentRefs: z
        .array(
          z.object({
            group: z.string().nullish(),
            kind: z.string().nullish(),
            namespace: z.string().nullish(),
            name: z.string(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

/** Keys of the Gateways that an HTTPRoute is attached to. Never throws. */
export function readParentGateways(object: unknown): readonly string[] {
  const parsed = httpRouteSchema.safeParse(object);
  if (!parsed.success) return [];
  const { metadata, spec } = parsed.data;
  const gateways = (spec?.parentRefs ?? []).filter(
    ({ group, kind }) =>
      (group ?? gatewayApiGroup) === gatewayApiGroup && (kind ?? 'Gateway') === 'Gateway',
  );
  const keys = gateways.map(({ namespace, name }) =>
    objectKey(namespace ?? metadata.namespace, name),
  );
  return [...new Set(keys)].sort();
}

const gatewaySchema = z.object({
  metadata: z.object({
    annotations: z.object({ [generationAnnotation]: z.string().optional() }).nullish(),
  }),
});

/** What is kept of a Gateway: the generation that it was last given, if it was. */
export interface GatewayMark {
  readonly generation?: string;
}

/** The annotation of a Gateway. Never throws. */
export function readGatewayMark(object: unknown): GatewayMark {
  const annotations = gatewaySchema.safeParse(object).data?.metadata.annotations;
  const generation = annotations?.[generationAnnotation];
  return generation === undefined ? {} : { generation };
}
