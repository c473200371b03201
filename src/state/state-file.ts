import * as z from 'zod';
import { type FileProblem, type Parsed, parseYaml } from '../config/yaml-file.ts';
import type { State } from '../rewrites/pipeline.ts';
import { atOnce, type Steps } from '../steps.ts';
import { lookUpStatedInSteps, type StatedBackendRef } from './backend-refs.ts';
import { findClaimConflicts } from './claim-conflicts.ts';
import { type ConnectorEntry, ConnectorView } from './connectors.ts';

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

const backendRefSchema = z.strictObject({
  kind: z.enum(['HTTPRoute', 'GRPCRoute']).describe('Kind of the route.'),
  namespace: z.string().min(1).default('default').describe('Namespace of the route.'),
  name: z.string().min(1).describe('Name of the route.'),
  rule: index.describe('Index of the rule, from 0.'),
  backend: index.describe('Index of the backendRef in its rule, from 0.'),
  weight: index.default(1).describe('Weight of the backendRef, as in the route.'),
  verdict: z
    .enum(['ready', 'empty', 'invalid'])
    .describe(
      'ready: it takes requests. empty: it is valid, but nothing behind it takes requests now. ' +
        'invalid: it cannot be resolved.',
    ),
});

/** What a state file says. */
export const stateSchema = z.strictObject({
  connectors: z
    .array(connectorSchema)
    .default([])
    .describe('Everything that can be behind a tunnel.'),
  backendRefs: z
    .array(backendRefSchema)
    .default([])
    .describe('What is behind the backendRefs of weighted splits.'),
});

/** The entries of a state file. */
export interface StateFile {
  readonly connectors: readonly ConnectorEntry[];
  readonly backendRefs: readonly StatedBackendRef[];
}

/** Characters: some 25,000 connectors, which take a thread of their own ten seconds to read. */
export const maxStateLength = 4 * 2 ** 20;

/** Parses a state file; two connectors that claim one backendRef are a problem of the file. */
export function parseStateFile(file: string, text: string): Parsed<StateFile> {
  const parsed = parseYaml(file, text, stateSchema, maxStateLength);
  if (!parsed.ok) return parsed;
  const entries = parsed.value.connectors.map(toEntry);
  const conflicts = findClaimConflicts(entries).map(({ claim, entries: [first, second] }) =>
    parsed.locate(
      ['connectors', second, 'name'],
      `${entries[first]?.connector.name} claims ${claim} already; only one connector can serve it`,
    ),
  );
  const problems: FileProblem[] = [
    ...duplicateNames(entries, parsed.locate),
    ...conflicts,
    ...duplicateRefs(parsed.value.backendRefs, parsed.locate),
  ];
  if (problems.length > 0) return { ok: false, problems };
  const backendRefs = parsed.value.backendRefs.map((ref) => ({
    ...ref,
    detail: `backendRef ${ref.backend} is stated ${ref.verdict}`,
  }));
  return { ok: true, value: { connectors: entries, backendRefs }, locate: parsed.locate };
}

/** What the rewrites get to know of a state file. */
export function stateOf(file: StateFile): State {
  return atOnce(stateInSteps(file));
}

/** The same with pauses. */
export function* stateInSteps({ connectors, backendRefs }: StateFile): Steps<State> {
  return {
    connectors: yield* ConnectorView.inSteps(connectors),
    backendRefs: yield* lookUpStatedInSteps(backendRefs),
  };
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

function duplicateRefs(
  refs: readonly z.output<typeof backendRefSchema>[],
  locate: (path: (string | number)[], reason: string) => FileProblem,
): FileProblem[] {
  const seen = new Set<string>();
  return refs.flatMap(({ kind, namespace, name, rule, backend }, at) => {
    const key = `${kind} ${namespace}/${name} rule ${rule} backend ${backend}`;
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [locate(['backendRefs', at, 'backend'], `${key} is stated above already`)];
  });
}
