import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureWaits } from './beside-calls.ts';
import { HookClient } from './client.ts';
import { measureColdStarts } from './cold-start.ts';
import { makeFleet } from './fleet.ts';
import { measureMemory } from './memory-run.ts';
import { startOfframp, writeState } from './offramp.ts';
import type { BesideTimes } from './targets.ts';

/** How often, and where. */
interface Plan {
  readonly folder: string;
  readonly goProgram: string | undefined;
  readonly rounds: number;
  readonly memoryCalls: number;
  readonly say: (line: string) => void;
}

const warmUps = 15;

/** What is measured of Offramp alone: starts, what else it answers during calls, and memory. */
export async function measureBesideTimes(
  sizes: readonly number[],
  plan: Plan,
): Promise<BesideTimes> {
  const { folder, goProgram, rounds, memoryCalls, say } = plan;
  const waits: BesideTimes['waits'][number][] = [];
  const memory: BesideTimes['memory'][number][] = [];
  const largest = Math.max(...sizes);
  for (const gateways of sizes) {
    const { request, connectors } = makeFleet(gateways);
    const requestFile = join(folder, 'beside.binpb');
    writeFileSync(requestFile, request);
    writeState(folder, connectors);
    const offramp = await startOfframp(`unix:${join(folder, 'beside.sock')}`, folder);
    const client = new HookClient(goProgram, requestFile);
    try {
      if (gateways === largest) {
        memory.push(await measureMemory(offramp, client, { gateways, calls: memoryCalls, say }));
      } else {
        for (let call = 0; call < warmUps; call++) await client.call(offramp.grpcAddress);
      }
      say(`  what else is answered during calls of ${gateways} gateways`);
      waits.push(...(await measureWaits(offramp, client, gateways, rounds)));
    } finally {
      await Promise.all([client.stop(), offramp.program.stop()]);
    }
  }
  writeState(folder, []);
  say('cold starts');
  return { coldStarts: await measureColdStarts(folder, rounds), waits, memory };
}
