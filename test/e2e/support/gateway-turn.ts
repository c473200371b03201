import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { isFree } from './free-ports.ts';
import { commandLineOf, descendantsOf, identify, isRunning, killNow } from './process-tree.ts';
import { waitFor } from './wait-for.ts';

// Envoy Gateway serves xDS on 0.0.0.0:18000 and neither its configuration nor a flag moves it. So there
// is one Envoy Gateway at a time on a machine, and whoever wants the next waits for its turn.
const TURN_TIMEOUT_MS = 300_000;
const PORT_TIMEOUT_MS = 15_000;

/** The right to run Envoy Gateway on this machine. */
export interface GatewayTurn {
  /** Says what the next turn has to clear away if this test run dies without its teardown. */
  remember(leftover: GatewayLeftover): void;
  /** Lets the next one in; the folder and the process must be gone by then. */
  release(): void;
}

/** What a running gateway consists of. */
export interface GatewayLeftover {
  readonly envoyGatewayPid: number;
  readonly folder: string;
}

interface Holder extends Partial<GatewayLeftover> {
  readonly pid: number;
  readonly startTicks: string;
}

/** How the folders of gateways are named; nothing else is ever removed. */
export const GATEWAY_FOLDER_PREFIX = path.join(os.tmpdir(), 'offramp-gateway-');

/**
 * Waits (5 minutes at most) until no other test run on this machine runs Envoy Gateway, and until the
 * `ports` that cannot be moved are free.
 */
export async function takeGatewayTurn(
  ports: readonly number[],
  signal?: AbortSignal,
): Promise<GatewayTurn> {
  const folder = path.join(os.tmpdir(), `offramp-testbed-${process.getuid?.() ?? 'user'}.lock`);
  const holderFile = path.join(folder, 'holder.json');
  const self = identify(process.pid);
  if (self === undefined) throw new Error('testbed: needs Linux and its /proc');
  await waitFor(
    `the other test run that uses Envoy Gateway to stop it (see ${holderFile})`,
    () => tryToTake(folder, holderFile),
    { timeoutMs: TURN_TIMEOUT_MS, intervalMs: 250, signal },
  );
  const write = (holder: Holder): void => writeFileSync(holderFile, JSON.stringify(holder));
  const holder: Holder = { pid: self.pid, startTicks: self.startTicks };
  write(holder);
  let released = false;
  const release = (): void => {
    // Once: by the second call somebody else may hold the turn.
    if (released) return;
    released = true;
    process.off('exit', release);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', release);
  try {
    for (const port of ports) {
      await waitFor(
        `port ${port} to be free; something that is not a test run of Offramp listens there`,
        () => isFree(port),
        { timeoutMs: PORT_TIMEOUT_MS, signal },
      );
    }
  } catch (error) {
    release();
    throw error;
  }
  return {
    remember: (leftover) => write({ ...holder, ...leftover }),
    release,
  };
}

function tryToTake(folder: string, holderFile: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    const holder = readHolder(holderFile);
    if (holder !== undefined && !isRunning(holder)) {
      killLeftover(holder);
      removeLeftover(holder);
      rmSync(folder, { recursive: true, force: true });
    }
    return false;
  }
}

/** Ends a dead run's Envoy Gateway, if that number still belongs to one. */
function killLeftover({ envoyGatewayPid }: Holder): void {
  if (envoyGatewayPid === undefined) return;
  const leftover = identify(envoyGatewayPid);
  const [program] = commandLineOf(envoyGatewayPid);
  if (leftover === undefined || path.basename(program ?? '') !== 'envoy-gateway') return;
  for (const member of [...descendantsOf(envoyGatewayPid), leftover]) killNow(member);
}

function removeLeftover({ folder }: Holder): void {
  if (folder === undefined || !folder.startsWith(GATEWAY_FOLDER_PREFIX)) return;
  rmSync(folder, { recursive: true, force: true });
}

function readHolder(holderFile: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(holderFile, 'utf8'));
    return isHolder(holder) ? holder : undefined;
  } catch {
    // The holder made the folder and is about to write the file.
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'startTicks' in value &&
    typeof value.startTicks === 'string'
  );
}
