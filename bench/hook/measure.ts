import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { HookClient } from './client.ts';
import { type Contender, makeContenders } from './contenders.ts';
import { type Fleet, makeFleet } from './fleet.ts';
import { freePort } from './free-port.ts';
import type { Program } from './program.ts';
import { findDifferenceOfAnswers, findWrong } from './right-answers.ts';

/** How a contender did with one fleet over one transport. */
export interface Measurement {
  readonly contender: string;
  readonly gateways: number;
  readonly transport: Transport;
  readonly requestBytes: number;
  /** One for each round; none in a smoke run. */
  readonly milliseconds: readonly number[];
  /** Bytes; undefined where the system does not tell. */
  readonly peakMemory: number | undefined;
}

/** What the hook's calls go over. */
export type Transport = 'tcp' | 'unix';

/** What is measured, and how often. */
export interface Plan {
  readonly folder: string;
  readonly goProgram: string | undefined;
  readonly warmUps: number;
  readonly rounds: number;
  /** Seconds without a call in front of each round. */
  readonly pause: number;
  readonly say: (line: string) => void;
}

interface Running {
  readonly contender: Contender;
  readonly address: string;
  readonly program: Program;
  readonly milliseconds: number[];
}

/** Checks and measures every contender with a fleet of this size. Throws when an answer is wrong. */
export async function measureFleet(gateways: number, plan: Plan): Promise<Measurement[]> {
  const fleet = makeFleet(gateways);
  const requestFile = join(plan.folder, `fleet-${gateways}.binpb`);
  writeFileSync(requestFile, fleet.request);
  const megabytes = (fleet.request.length / 1e6).toFixed(1);
  plan.say(`${gateways} gateways: ${megabytes} MB`);
  const contenders = makeContenders({ ...plan, connectors: fleet.connectors });
  const results: Measurement[] = [];
  for (const transport of ['tcp', 'unix'] as const) {
    const client = new HookClient(plan.goProgram, requestFile);
    const running: Running[] = [];
    try {
      for (const contender of contenders) running.push(await start(contender, transport, plan));
      if (transport === 'tcp') await checkAnswers(running, client, fleet, plan);
      await runRounds(running, client, plan);
      results.push(...running.map((one) => resultOf(one, transport, gateways, fleet)));
    } finally {
      await Promise.all([client.stop(), ...running.map(({ program }) => program.stop())]);
    }
  }
  return results;
}

async function start(contender: Contender, transport: Transport, plan: Plan): Promise<Running> {
  const socket = join(plan.folder, `${contender.name.replaceAll(/\W+/g, '-')}.sock`);
  rmSync(socket, { force: true }); // of the size before: a process that was ended leaves its own
  const address = transport === 'unix' ? `unix:${socket}` : `127.0.0.1:${await freePort()}`;
  return { contender, address, program: await contender.start(address), milliseconds: [] };
}

async function checkAnswers(
  running: readonly Running[],
  client: HookClient,
  fleet: Fleet,
  plan: Plan,
): Promise<void> {
  const rewritten: { readonly name: string; readonly answer: Buffer }[] = [];
  for (const { contender, address } of running) {
    const file = join(plan.folder, 'answer.binpb');
    await client.call(address, file);
    const answer = readFileSync(file);
    const wrong = findWrong(answer, contender.answer, fleet);
    if (wrong !== undefined) throw new Error(`${contender.name} answers wrongly: ${wrong}`);
    plan.say(`  right: ${contender.name} (${contender.answer})`);
    if (contender.answer === 'connectors') rewritten.push({ name: contender.name, answer });
  }
  const [first, ...others] = rewritten;
  for (const { name, answer } of others) {
    const difference = first && findDifferenceOfAnswers(first.answer, answer);
    if (difference === undefined) plan.say(`  mean the same: ${first?.name}, ${name}`);
    else throw new Error(`${first?.name} and ${name} mean different things: ${difference}`);
  }
}

/** One call of each in turn: what else the machine does meanwhile meets all of them. */
async function runRounds(
  running: readonly Running[],
  client: HookClient,
  { warmUps, rounds, pause, say }: Plan,
): Promise<void> {
  for (let round = -warmUps; round < rounds; round++) {
    if (round >= 0) await setTimeout(pause * 1000);
    // Another one begins each round: the first call after a pause is the client's first as well.
    const first = (round + warmUps) % running.length;
    for (const one of [...running.slice(first), ...running.slice(0, first)]) {
      const call = await client.call(one.address);
      if (round >= 0) one.milliseconds.push(call.milliseconds);
    }
    if (round >= 0 && (round + 1) % 5 === 0) say(`  round ${round + 1} of ${rounds}`);
  }
}

function resultOf(
  { contender, program, milliseconds }: Running,
  transport: Transport,
  gateways: number,
  fleet: Fleet,
): Measurement {
  return {
    contender: contender.name,
    gateways,
    transport,
    requestBytes: fleet.request.length,
    milliseconds,
    peakMemory: program.memory('peak'),
  };
}
