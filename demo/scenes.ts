import { readFile } from 'node:fs/promises';
import { waitFor } from '../test/e2e/support/wait-for.ts';
import { type Ask, runShell } from './ask.ts';
import { curlLine, type Question } from './question.ts';
import { type Stage, tunnelLogLine } from './stage.ts';
import type { Transcript } from './transcript.ts';
import { watchAnswers } from './watch-answers.ts';

/** What the scenes play with. */
export interface Props {
  readonly stage: Stage;
  readonly transcript: Transcript;
  readonly ask: Ask;
  readonly signal: AbortSignal;
}

const BERLIN = 'berlin.example.com';
const OFFLINE = 'Tunnel not online';
const MANY = 20;
const PATIENCE_MS = 10_000;

/** Plays all scenes; rejects when it is aborted, or when there is no answer at all. */
export async function playScenes(props: Props): Promise<void> {
  await showHealthyRoute(props);
  await showOfflineConnector(props);
  await showSplitWithoutBerlin(props);
  await showConnectorComingBack(props);
  await showConnectorLeaving(props);
  await showBrokenEdit(props);
}

async function showHealthyRoute(props: Props): Promise<void> {
  props.transcript.scene('A route that has no connector. Offramp leaves it as it is.');
  const question = get(props.stage, 'healthy.example.com');
  await expectAnswer(props, question, { statuses: [200], body: 'amsterdam' });
}

async function showOfflineConnector(props: Props): Promise<void> {
  const { stage, transcript } = props;
  transcript.scene("Berlin's connector is offline. Clients are told so, at once.");
  await expectAnswer(props, get(stage, BERLIN), { statuses: [503], body: OFFLINE });
  transcript.tell('', '    The same for CONNECT (of one that is refused, curl shows no body):');
  await expectAnswer(props, connect(stage), { statuses: [503] });
}

async function showSplitWithoutBerlin(props: Props): Promise<void> {
  props.transcript.scene(
    `A split: amsterdam 30, berlin 50, copenhagen 20. ${MANY} requests, none of them lost.`,
  );
  await expectCounts(props, { among: ['amsterdam', 'copenhagen'] });
}

async function showConnectorComingBack(props: Props): Promise<void> {
  const { stage, transcript, signal } = props;
  transcript.scene('The connector comes back: one word of the state file changes.');
  await flip(props, { from: 'false', to: 'true', until: '200 berlin' });
  await expectAnswer(props, get(stage, BERLIN), { statuses: [200], body: 'berlin' });
  transcript.tell('', '    CONNECT, and a GET through the tunnel that it opened:');
  await expectAnswer(props, connect(stage), { statuses: [200, 200], body: 'berlin' });
  transcript.tell('', '    The split has berlin again:');
  const among = ['amsterdam', 'berlin', 'copenhagen'];
  await expectCounts(props, { among, surely: 'berlin' });
  transcript.tell('', "    Where the tunnel leads, as Envoy's internal listener logs it:", '');
  const line = await waitFor(
    'the log of the internal listener',
    () => /tunnel to .*(?=\n)/.exec(stage.gateway.logs())?.[0],
    { timeoutMs: PATIENCE_MS, signal },
  );
  transcript.tell(`    | ${line}`);
  transcript.check('the tunnel in the state file', line === tunnelLogLine);
  const beside = stage.besideTheTunnel.connectionCount();
  transcript.tell(
    '',
    `    Connections to the address in berlin's Backend, not the tunnel: ${beside}`,
  );
  transcript.check('none', beside === 0);
}

async function showConnectorLeaving(props: Props): Promise<void> {
  props.transcript.scene('It goes away again.');
  await flip(props, { from: 'true', to: 'false', until: `503 ${OFFLINE}` });
  await expectAnswer(props, get(props.stage, BERLIN), { statuses: [503], body: OFFLINE });
  await expectCounts(props, { among: ['amsterdam', 'copenhagen'] });
}

async function showBrokenEdit(props: Props): Promise<void> {
  const { stage, transcript, ask, signal } = props;
  const { offramp } = stage;
  transcript.scene('A slip of the pen in the state file. The last good state stays in use.');
  await edit(props, 'false', 'maybe');
  const refusal = await waitFor(
    'the refusal of the state file',
    async () => (await readLines(offramp.logFile)).find((one) => one.includes('file refused')),
    { timeoutMs: PATIENCE_MS, signal },
  );
  transcript.tell('', '    Offramp logs:', '', `    | ${refusal}`);
  const verbose: Question = { kind: 'get', url: `${offramp.url}/readyz?verbose` };
  const answer = await ask(verbose, signal);
  transcript.command(curlLine(verbose), answer.text);
  const told = answer.body.includes('connectors[0].online') && answer.body.endsWith('ready');
  transcript.check('it says where, and stays ready', told);
  await expectAnswer(props, get(stage, BERLIN), { statuses: [503], body: OFFLINE });
  transcript.tell('', '    Put right again:');
  await edit(props, 'maybe', 'false');
}

function get(stage: Stage, host: string): Question {
  return { kind: 'get', url: `${stage.envoy}/`, host };
}

function connect(stage: Stage): Question {
  return { kind: 'connect', proxy: stage.envoy, url: `http://${BERLIN}/` };
}

interface Expected {
  readonly statuses: readonly number[];
  /** Anything, when it is left out. */
  readonly body?: string;
}

async function expectAnswer(
  { transcript, ask, signal }: Props,
  question: Question,
  { statuses, body }: Expected,
): Promise<void> {
  const answer = await ask(question, signal);
  transcript.command(curlLine(question), answer.text);
  const sameStatuses = statuses.join() === answer.statuses.join();
  const announced = [...statuses, ...(body === undefined ? [] : [body])].join(', ');
  transcript.check(announced, sameStatuses && (body ?? answer.body) === answer.body);
}

interface ExpectedCounts {
  readonly among: readonly string[];
  /** Who has half of the weight: that none of MANY requests reaches it is one chance in a million. */
  readonly surely?: string;
}

async function expectCounts(
  { stage, transcript, ask, signal }: Props,
  { among, surely }: ExpectedCounts,
): Promise<void> {
  const url = `${stage.envoy}/`;
  const question: Question = { kind: 'count', url, host: 'split.example.com', times: MANY };
  const answer = await ask(question, signal);
  transcript.command(curlLine(question), answer.text);
  const counted = answer.body.split('\n').map((line) => line.trim().split(/\s+/, 2));
  const total = counted.reduce((sum, [count]) => sum + Number(count), 0);
  const names = counted.map(([, name = '']) => name);
  const known = names.every((name) => among.includes(name));
  const held = total === MANY && known && (surely === undefined || names.includes(surely));
  const most = surely === undefined ? '' : `, ${surely} among them`;
  transcript.check(`${MANY} answers from ${among.join(', ')} only${most}`, held);
}

interface Flip {
  readonly from: string;
  readonly to: string;
  /** Status and body of the first answer that shows the change. */
  readonly until: string;
}

async function flip(props: Props, { from, to, until }: Flip): Promise<void> {
  const { stage, transcript, signal } = props;
  const started = performance.now();
  await edit(props, from, to);
  const seen = await watchAnswers({ url: stage.envoy, host: BERLIN, until, signal });
  const took = Math.round(performance.now() - started);
  transcript.tell('', '    Meanwhile, asked every 20 ms:');
  transcript.tell(...seen.map(({ answer, times }) => `    | ${times} x ${answer}`));
  transcript.check(`${until}, after ${took} ms`, seen.at(-1)?.answer === until);
}

/** Changes the word behind `online:`, and shows the lines that differ then. */
async function edit({ stage, transcript, signal }: Props, from: string, to: string): Promise<void> {
  const { stateFile } = stage.offramp;
  const line = `sed -i 's/online: ${from}/online: ${to}/' ${stateFile}`;
  const before = await readLines(stateFile);
  const complaints = await runShell(line, signal);
  const after = await readLines(stateFile);
  const removed = before.filter((one, at) => one !== after[at]).map((one) => `-${one}`);
  const added = after.filter((one, at) => one !== before[at]).map((one) => `+${one}`);
  transcript.command(line, [...removed, ...added, complaints].join('\n'));
}

/** Whole lines only: the last one may still be being written. */
async function readLines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split('\n').slice(0, -1);
}
