import * as z from 'zod';

/** The annotation that holds an upstream Connector's status, as JSON, where it is replicated. */
export const upstreamStatusAnnotation = 'networking.datumapis.com/upstream-status';

/** What is kept of a Connector: whether a tunnel can be opened now, and by which node id. */
export type ConnectorStatus = (
  | { readonly online: true; readonly nodeId: string }
  | { readonly online: false }
) & {
  /** What in it cannot be used, in words. */
  readonly problems: readonly string[];
  /** When that began, by its condition Ready; milliseconds since 1970. */
  readonly since?: number;
};

const statusSchema = z.object({
  conditions: z
    .array(
      z.object({
        type: z.string().nullish(),
        status: z.string().nullish(),
        lastTransitionTime: z.unknown().optional(),
      }),
    )
    .nullish(),
  connectionDetails: z
    .object({
      type: z.string().nullish(),
      publicKey: z.object({ id: z.string().nullish() }).nullish(),
    })
    .nullish(),
});

type Status = z.output<typeof statusSchema>;

const connectorSchema = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()).nullish() }),
  status: z.unknown().optional(),
});

/**
 * Whether a Connector is online: its condition Ready is True, and it says its node id. The
 * annotation of the upstream status wins over `.status`, unless it cannot be read. Never throws.
 */
export function readConnectorStatus(object: unknown): ConnectorStatus {
  const parsed = connectorSchema.safeParse(object);
  if (!parsed.success) return offline('it does not have the known form');
  const annotation = parsed.data.metadata.annotations?.[upstreamStatusAnnotation];
  if (annotation === undefined) return judge(parsed.data.status ?? {});
  const upstream = parseStatus(annotation);
  if (upstream !== undefined) return judge(upstream);
  const { problems, ...own } = judge(parsed.data.status ?? {});
  const problem = `its annotation ${upstreamStatusAnnotation} is no JSON of a status; its own is used`;
  return { ...own, problems: [problem, ...problems] };
}

function parseStatus(text: string): Status | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function judge(status: unknown): ConnectorStatus {
  const parsed = statusSchema.safeParse(status);
  if (!parsed.success) return offline('its status does not have the known form');
  const { conditions, connectionDetails } = parsed.data;
  const ready = conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return { ...offline(), ...sinceOf(ready) };
  const byKey = connectionDetails?.type === 'PublicKey';
  const nodeId = (byKey && connectionDetails.publicKey?.id) || '';
  if (nodeId === '') {
    return offline(
      'it is Ready but has no connectionDetails.publicKey.id: no tunnel can be opened',
    );
  }
  return { online: true, nodeId, problems: [], ...sinceOf(ready) };
}

/** Nothing but people depends on it: one that cannot be read is as good as none. */
function sinceOf(
  ready: { readonly lastTransitionTime?: unknown } | undefined,
): Pick<ConnectorStatus, 'since'> {
  const since = Date.parse(String(ready?.lastTransitionTime));
  return Number.isNaN(since) ? {} : { since };
}

function offline(...problems: readonly string[]): ConnectorStatus {
  return { online: false, problems };
}
