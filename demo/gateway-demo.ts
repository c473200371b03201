import process from 'node:process';
import { parseArgs } from 'node:util';
import { descendantsOf } from '../test/e2e/support/process-tree.ts';
import { prepareTestbed, testbedFolder } from '../test/e2e/support/testbed-cache.ts';
import { TESTBED_RELEASE } from '../test/e2e/support/testbed-versions.ts';
import { chooseAsk } from './ask.ts';
import { playScenes } from './scenes.ts';
import { type Stage, setStage } from './stage.ts';
import { Transcript } from './transcript.ts';

// `npm run demo -- --gateway`: Offramp between a real Envoy Gateway and a real Envoy, from a checkout.
// Exit codes: 0 all answers were as announced, 1 one was not or something failed, 130 interrupted
// before the end.

/** Milliseconds between two words of a start that takes long. */
const PATIENCE_MS = 15_000;

const transcript = new Transcript((text) => process.stdout.write(text));

async function main(): Promise<number> {
  const signal = whenAskedToStop();
  try {
    const { values } = parseArgs({
      options: { gateway: { type: 'boolean' }, once: { type: 'boolean' } },
    });
    await prepare(signal);
    const stage = await start(signal);
    try {
      await play(stage, signal, values.once === true);
    } finally {
      transcript.tell('', 'Ending Envoy Gateway, Envoy and Offramp, and removing their files ...');
      await stage.clear();
      transcript.tell('Done.');
    }
  } catch (error) {
    transcript.tell('', ...(signal.aborted ? ['Interrupted.'] : messagesOf(error)));
    if (signal.aborted) return 130;
    return 1;
  }
  return transcript.wrong === 0 ? 0 : 1;
}

/** Aborts at a signal, or when whoever started the demo has gone. A second signal changes nothing. */
function whenAskedToStop(): AbortSignal {
  const asked = new AbortController();
  const stop = () => asked.abort(new Error('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  process.on('disconnect', stop);
  process.channel?.unref();
  return asked.signal;
}

async function prepare(signal: AbortSignal): Promise<void> {
  if (process.platform !== 'linux') {
    throw new Error(
      'The demo on a real Envoy Gateway runs on Linux only. `npm run demo` runs anywhere.',
    );
  }
  const { version: envoyGateway, envoy } = TESTBED_RELEASE;
  transcript.tell(`Offramp between a real Envoy Gateway ${envoyGateway} and a real Envoy ${envoy}`);
  signal.addEventListener('abort', interruptBuild);
  try {
    await prepareTestbed(['envoy', 'envoy-gateway'], TESTBED_RELEASE, (line) =>
      transcript.tell(line),
    );
  } catch (cause) {
    const needs = 'The first time, it needs Go 1.26 or newer, Python 3 with pip, and the network.';
    throw new Error(`${needs}\nWhat is ready stays in ${testbedFolder()}.`, { cause });
  } finally {
    signal.removeEventListener('abort', interruptBuild);
  }
  signal.throwIfAborted();
}

/** Only toolchains run while the testbed is prepared. They end as they would at Ctrl-C. */
function interruptBuild(): void {
  for (const { pid } of descendantsOf(process.pid)) {
    try {
      process.kill(pid, 'SIGINT');
    } catch {
      // It ended between the look and the signal.
    }
  }
}

async function start(signal: AbortSignal): Promise<Stage> {
  transcript.tell('', 'Starting upstreams, Offramp, Envoy Gateway and Envoy ...');
  const started = Date.now();
  const ticker = setInterval(() => {
    const seconds = Math.round((Date.now() - started) / 1000);
    transcript.tell(
      `... ${seconds} s. A machine has one Envoy Gateway at a time: others may be first.`,
    );
  }, PATIENCE_MS);
  try {
    return await setStage(signal);
  } finally {
    clearInterval(ticker);
  }
}

async function play(stage: Stage, signal: AbortSignal, once: boolean): Promise<void> {
  signal.throwIfAborted();
  const { ask, notes } = await chooseAsk();
  transcript.tell('', ...introduction(stage), ...notes);
  await playScenes({ stage, transcript, ask, signal });
  const { checks, wrong } = transcript;
  const verdict = wrong === 0 ? 'all as expected' : `${wrong} NOT as expected`;
  transcript.tell('', `${checks} expectations, ${verdict}.`);
  if (once) return;
  transcript.tell('', ...toTry(stage));
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

function introduction({ envoy, offramp }: Stage): string[] {
  return [
    `Envoy takes requests at ${envoy}, for three routes:`,
    '  healthy.example.com  to amsterdam',
    '  berlin.example.com   to berlin, which is behind a connector',
    '  split.example.com    to amsterdam (weight 30), berlin (50) and copenhagen (20)',
    "Which connectors are online stands in Offramp's state file:",
    `  ${offramp.stateFile}`,
    'Each line that starts with curl or sed can be pasted into another terminal. Behind | is what it',
    'printed here, or for sed what it changed.',
  ];
}

function toTry({ envoy, offramp }: Stage): string[] {
  const { stateFile, configFile, logFile, url } = offramp;
  return [
    'All of this stays up. In another terminal, flip the connector and ask again:',
    '',
    `    sed -i 's/online: false/online: true/' ${stateFile}`,
    `    curl -sSi -H 'Host: berlin.example.com' ${envoy}/`,
    '',
    'Its metrics and log, and a dry run of this state on a recorded snapshot (in this folder):',
    '',
    `    curl -sS ${url}/metrics`,
    `    tail ${logFile}`,
    `    node dist/main.js explain examples/demo/post-translate-modify.binpb --config ${configFile}`,
    '',
    'Ctrl-C ends all of this.',
  ];
}

/** An error and what caused it, without stacks: they would say where in the demo, not what to do. */
function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return error === undefined ? [] : [String(error)];
  return [error.message, ...messagesOf(error.cause)];
}

// A toolchain that could not be started leaves a timer of minutes behind, in Node's spawn.
process.exit(await main());
