// The watchdog's thread: it runs while the process itself does not.
import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { workerData } from 'node:worker_threads';
import type { ErrorCode } from '../errors.ts';
import type { WatchdogOrders } from './watchdog.ts';

/** How long the process gets to end by itself, in milliseconds, before it is killed. */
const lastChance = 1000;
const standardOutput = 1;

async function watch({ beats, beatEvery, blockedFor, exitCode }: WatchdogOrders): Promise<void> {
  const view = new Int32Array(beats);
  const enough = Math.ceil(blockedFor / beatEvery);
  let last = 0;
  // Turns of this thread, not time: in a suspended process none go by.
  let turns = 0;
  while (turns < enough) {
    await sleep(beatEvery);
    const beat = Atomics.load(view, 0);
    turns = beat === last ? turns + 1 : 0;
    last = beat;
  }
  say(blockedFor, exitCode);
  end(exitCode);
  await sleep(lastChance);
  process.kill(process.pid, 'SIGKILL');
  await sleep(lastChance);
  fault();
}

/**
 * Process 1 of a container, which waits in a system call, neither runs JavaScript nor takes a signal of
 * its own. The kernel ends it when one of its threads faults: 133, as after SIGTRAP.
 */
function fault(): void {
  setFlagsFromString('--allow-natives-syntax');
  runInThisContext('%SystemBreak()');
}

function say(blockedFor: number, exitCode: number): void {
  const code: ErrorCode = 'event-loop-blocked';
  const msg = 'the process did nothing but one thing for too long; it ends itself';
  const line = {
    level: 60,
    time: Date.now(),
    code,
    blocked_ms: blockedFor,
    exit_code: exitCode,
    msg,
  };
  try {
    writeSync(standardOutput, `${JSON.stringify(line)}\n`);
  } catch {
    // Whoever reads the log hangs too: the end matters more.
  }
}

/**
 * Only the blocked thread itself can end the process with an exit code, and as process 1 of a container
 * no signal of our own ends it. The inspector gets at it between two steps of whatever it does. Node
 * would say on standard error that it waits for a debugger, which it does not: so that is closed.
 */
function end(exitCode: number): void {
  const session = new Session();
  session.connectToMainThread();
  const quietly = 'try { process.getBuiltinModule("fs").closeSync(2); } catch {}';
  const expression = `${quietly} process.reallyExit(${exitCode})`;
  session.post('Runtime.evaluate', { expression });
}

const orders: WatchdogOrders = workerData;
await watch(orders);
