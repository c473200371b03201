import type { HookClient } from './client.ts';
import type { RunningOfframp } from './offramp.ts';
import { median } from './table.ts';

/** Memory over many calls of the same fleet, in bytes; undefined where the system does not tell. */
export interface MemoryRun {
  readonly gateways: number;
  readonly calls: number;
  /** Medians of what the process held after each of the first and the last 50 calls. */
  readonly first: number | undefined;
  readonly last: number | undefined;
}

const compared = 50;

/** Makes the calls one after the other; of fewer than 100 halves are compared. */
export async function measureMemory(
  { program, grpcAddress }: RunningOfframp,
  client: HookClient,
  plan: {
    readonly gateways: number;
    readonly calls: number;
    readonly say: (line: string) => void;
  },
): Promise<MemoryRun> {
  const { gateways, calls, say } = plan;
  const held: number[] = [];
  for (let call = 1; call <= calls; call++) {
    await client.call(grpcAddress);
    const now = program.memory('now');
    if (now !== undefined) held.push(now);
    if (call % compared === 0) say(`  memory after call ${call} of ${calls}`);
  }
  const share = Math.min(compared, held.length >> 1);
  if (share === 0) return { gateways, calls, first: undefined, last: undefined };
  return {
    gateways,
    calls,
    first: median(held.slice(0, share)),
    last: median(held.slice(-share)),
  };
}
