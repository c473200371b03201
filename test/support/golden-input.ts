import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import type { RewriteSettings, State } from '../../src/rewrites/pipeline.ts';
import type { AssignmentLookup } from '../../src/state/assignments.ts';
import { parseStateFile, stateOf } from '../../src/state/state-file.ts';
import { ToldAssignments } from '../../src/state/told-assignments.ts';
import { endpointsRequest } from './assignments.ts';
import { encodeRequest } from './xds.ts';

const resources = z.array(z.looseObject({})).optional();
const inputSchema = z.strictObject({
  /** What the pair shows, in a sentence. */
  shows: z.string(),
  /** As in a state file. */
  state: z.unknown(),
  /** ClusterLoadAssignments that came through PostEndpointsModify before the snapshot. */
  assignments: z.array(z.looseObject({})).default([]),
  /** As in the configuration file. */
  config: configSchema.prefault({}),
  /** Leaves out what Envoy's YAML tools use for repetition. */
  shared: z.unknown().optional(),
  snapshot: z.strictObject({
    clusters: resources,
    secrets: resources,
    listeners: resources,
    routes: resources,
  }),
});

const suffix = '.in.yaml';
const goldenFolder = join(import.meta.dirname, '../golden');

/** What a golden pair puts in. */
export interface GoldenInput {
  readonly request: Uint8Array;
  readonly state: State;
  readonly settings: RewriteSettings;
}

/** The behaviours that a rewrite's folder shows. */
export function goldenBehaviours(rewrite: string, folder = goldenFolder): string[] {
  return readdirSync(join(folder, rewrite))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.replace(suffix, ''));
}

/** Reads the input that shows a behaviour. */
export function readGoldenInput(
  rewrite: string,
  behaviour: string,
  folder = goldenFolder,
): GoldenInput {
  const text = readFileSync(join(folder, rewrite, behaviour + suffix), 'utf8');
  const input = inputSchema.parse(parse(text, { merge: true }));
  return {
    request: encodeRequest(definedLists(input.snapshot)),
    state: { ...readState(input.state), assignments: hearAll(input.assignments) },
    settings: input.config,
  };
}

/** A state as in a state file. */
export function readState(state: unknown): State {
  const parsed = parseStateFile('state', stringify(state));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return stateOf(parsed.value);
}

function hearAll(assignments: readonly object[]): AssignmentLookup {
  const told = new ToldAssignments();
  for (const assignment of assignments) told.hear('', endpointsRequest(assignment));
  return told.saidBy('');
}

function definedLists(snapshot: z.output<typeof inputSchema>['snapshot']) {
  const { clusters = [], secrets = [], listeners = [], routes = [] } = snapshot;
  return { clusters, secrets, listeners, routes };
}
