import { join } from 'node:path';
import { startOfframp } from './offramp.ts';
import { Program } from './program.ts';
import { nodeCommand, nodeSettings } from './settings.ts';

/** From the start of a process until it takes calls, in milliseconds, once for each round. */
export interface ColdStart {
  readonly contender: string;
  readonly milliseconds: readonly number[];
}

/** What starts are compared with: Node alone, and a server on grpc-js that does nothing. */
export async function measureColdStarts(folder: string, rounds: number): Promise<ColdStart[]> {
  const address = '127.0.0.1:0';
  const script = join(import.meta.dirname, 'echo-server.js');
  const starts = [
    {
      contender: 'node -e 0',
      start: () => printed([process.execPath, '-e', 'console.log(0)'], '0'),
    },
    {
      contender: 'grpc-js echo',
      start: () => printed(nodeCommand(script, address), 'listening'),
    },
    {
      contender: 'offramp serve, state from a file',
      start: async () => (await startOfframp(address, folder)).program,
    },
  ].map((one) => ({ ...one, milliseconds: [] as number[] }));
  for (let round = -1; round < rounds; round++) {
    for (const { start, milliseconds } of starts) {
      const started = performance.now();
      const program = await start();
      if (round >= 0) milliseconds.push(performance.now() - started); // the first reads the disk
      await program.stop();
    }
  }
  return starts.map(({ contender, milliseconds }) => ({ contender, milliseconds }));
}

async function printed(command: readonly string[], text: string): Promise<Program> {
  const program = new Program(command, nodeSettings.environment);
  await program.lineWith(text);
  return program;
}
