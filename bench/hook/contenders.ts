import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectorEntry } from '../../src/state/connectors.ts';
import { type Mode, startOfframp, writeState } from './offramp.ts';
import { Program } from './program.ts';
import { nodeCommand, nodeSettings } from './settings.ts';

/** What a right answer is. */
export type Answer = 'the request' | 'the resources as they came' | 'connectors' | 'all rewrites';

/** A server that is measured. */
export interface Contender {
  readonly name: string;
  readonly answer: Answer;
  /** Starts it; resolves when it takes calls. */
  start(address: string): Promise<Program>;
}

/** Where the contenders find what they need. */
export interface Surroundings {
  readonly folder: string;
  readonly connectors: readonly ConnectorEntry[];
  readonly goProgram: string | undefined;
}

const built = import.meta.dirname;

/** Every contender; those in Go only where there is Go. */
export function makeContenders(surroundings: Surroundings): Contender[] {
  const { folder, connectors, goProgram } = surroundings;
  const peerState = join(folder, 'peer.json');
  writeState(folder, connectors);
  const bareState = join(folder, 'bare.json');
  writeFileSync(bareState, JSON.stringify(connectors));
  writeFileSync(peerState, JSON.stringify(toPeerState(connectors)));
  const inNode = (script: string, ...args: string[]) => nodeCommand(join(built, script), ...args);
  const contenders: Contender[] = [
    offramp('offramp', 'Rebalance', folder),
    offramp('offramp, connectors only', 'Keep', folder),
    {
      name: 'grpc-js echo',
      answer: 'the request',
      start: (address) => started(inNode('echo-server.js', address)),
    },
    {
      name: 'node:http2 echo',
      answer: 'the request',
      start: (address) => started(inNode('http2-echo.js', address)),
    },
    {
      name: 'reading only',
      answer: 'the resources as they came',
      start: (address) => started(inNode('reading-server.js', address)),
    },
    {
      name: 'bare rewrite',
      answer: 'connectors',
      start: (address) => started(inNode('bare-server.js', address, bareState)),
    },
    {
      name: 'proto-loader decode and encode',
      answer: 'the resources as they came',
      start: (address) => started(inNode('typed-server.js', address, 'bench/hook/typed.proto')),
    },
  ];
  if (goProgram === undefined) return contenders;
  return [
    ...contenders,
    {
      name: 'Go echo',
      answer: 'the request',
      start: (address) => started([goProgram, 'echo', address]),
    },
    {
      name: 'Go peer',
      answer: 'connectors',
      start: (address) => started([goProgram, 'peer', address, peerState]),
    },
  ];
}

function offramp(name: string, mode: Mode, folder: string): Contender {
  return {
    name,
    answer: mode === 'Rebalance' ? 'all rewrites' : 'connectors',
    start: async (address) => (await startOfframp(address, folder, mode)).program,
  };
}

async function started(command: readonly string[]): Promise<Program> {
  const program = new Program(command, nodeSettings.environment);
  await program.lineWith('listening');
  return program;
}

function toPeerState(connectors: readonly ConnectorEntry[]) {
  const offline: Record<string, boolean> = {};
  const online: Record<string, object> = {};
  for (const { connector, routes } of connectors) {
    for (const { namespace, name, rule } of routes) {
      const cluster = `httproute/${namespace}/${name}/rule/${rule}`;
      if (connector.online) online[cluster] = connector.tunnel;
      else offline[cluster] = true;
    }
  }
  return { offline, online };
}
