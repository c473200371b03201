import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import * as z from 'zod';
import type { ConnectorEntry } from '../../src/state/connectors.ts';
import { Program } from './program.ts';
import { nodeCommand, nodeSettings } from './settings.ts';

/** The real `offramp serve`, as a process of its own. */
export interface RunningOfframp {
  readonly program: Program;
  readonly grpcAddress: string;
  /** Where /metrics and /healthz are. */
  readonly httpAddress: string;
}

/** What empty backendRefs get: Keep is connectors only. */
export type Mode = 'Rebalance' | 'Keep';

const servingLine = z.object({ grpc: z.string(), http: z.string() });

/** Writes the state file that `startOfframp` reads. */
export function writeState(folder: string, connectors: readonly ConnectorEntry[]): void {
  const entries = connectors.map(({ connector, routes }) => ({ ...connector, routes }));
  writeFileSync(join(folder, 'state.yaml'), stringify({ connectors: entries }));
}

/** Resolves when it takes calls. */
export async function startOfframp(
  address: string,
  folder: string,
  mode: Mode = 'Rebalance',
): Promise<RunningOfframp> {
  const config = join(folder, `${mode}.yaml`);
  const settings = {
    // A first call of the largest fleet, on a machine that does other work too, may take longer than by default.
    grpc: { address, insecure: true, limits: { callBudget: '60s' } },
    watchdog: { blockedFor: '120s' },
    http: { address: '127.0.0.1:0' },
    state: { file: { path: 'state.yaml' } },
    emptyBackends: { mode },
  };
  writeFileSync(config, stringify(settings));
  const program = new Program(
    nodeCommand(join('dist', 'main.js'), 'serve', '--config', config),
    nodeSettings.environment,
  );
  const { grpc, http } = servingLine.parse(JSON.parse(await program.lineWith('"serving"')));
  return { program, grpcAddress: grpc, httpAddress: http };
}
