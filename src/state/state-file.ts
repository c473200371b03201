import { z } from 'zod';
import { type FileProblem, type Parsed, parseYaml } from '../config/yaml-file.ts';
import { type ConnectorEntry, findClaimConflicts } from './connectors.ts';

const index = z.int().min(0);

const routeSchema = z.strictObject({
  kind: z.enum(['HTTPRoute', 'GRPCRoute']).describe('Kind of the route.'),
  namespace: z.string().min(1).default('default').describe('Namespace of the route.'),
  name: z.string().min(1).describe('Name of the route.'),
  rule: index.optional().describe('Index of the rule, from 0; without it, every rule.'),
  backend: index
    .optional()
    .describe('Index of the backendRef in its rule, from 0; without it, every backendRef.'),
});

const connectorSchema = z
  .strictObject({
    name: z.string().min(1).describe('What reports and logs call it; unique.'),
    online: z.boolean().describe('Whether its tunnel can be used now.'),
    tunnel: z
      .strictObject({
        host: z.string().min(1).describe('Host that the connector reaches for us.'),
        port: z.int().min(1).max(65_535).describe('Its port.'),
        endpointId: z.string().min(1).describe('Node id of the connector.'),
      })
      .optional()
      .describe('Where the tunnel ends; needed while the connector is online.'),
    routes: z
      .array(routeSchema)
      .default([])
      .describe('The backendRefs behind this connector. Mirrors are not part of it.'),
    clusters: z
      .array(z.string().min(1))
      .default([])
      .describe('Exact cluster names, where no route says it.'),
  })
  .refine(({ online, tunnel }) => !online || tunnel !== undefined, {
    path: ['tunnel'],
    error: 'an online connector needs its tunnel: {host, port, endpointId}',
  });

/** What a state file says. */
export const stateSchema = z.strictObject({
  connectors: z
    .array(connectorSchema)
    .default([])
    .describe('Everything that can be behind a tunnel.'),
});

/** Parses a state file; two connectors that claim one backendRef are a problem of the file. */
export function parseStateFile(file: string, text: string): Parsed<readonly ConnectorEntry[]> {
  const parsed = parseYaml(file, text, stateSchema);
  if (!parsed.ok) return parsed;
  const entries = parsed.value.connectors.map(toEntry);
  const conflicts = findClaimConflicts(entries).map(({ claim, entries: [first, second] }) =>
    parsed.locate(
      ['connectors', second, 'name'],
      `${entries[first]?.connector.name} claims ${claim} already; only one connector can serve it`,
    ),
  );
  const problems: FileProblem[] = [...duplicateNames(entries, parsed.locate), ...conflicts];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: entries, locate: parsed.locate };
}

function toEntry(parsed: z.output<typeof connectorSchema>): ConnectorEntry {
  const { name, online, tunnel, routes, clusters } = parsed;
  const connector =
    online && tunnel !== undefined
      ? { name, online: true as const, tunnel }
      : { name, online: false as const };
  return { connector, routes, clusters };
}

function duplicateNames(
  entries: readonly ConnectorEntry[],
  locate: (path: (string | number)[], reason: string) => FileProblem,
): FileProblem[] {
  const seen = new Set<string>();
  return entries.flatMap(({ connector: { name } }, at) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [locate(['connectors', at, 'name'], `there is a connector ${name} above already`)];
  });
}
