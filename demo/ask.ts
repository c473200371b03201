import { spawn } from 'node:child_process';
import process from 'node:process';
import { askWithoutCurl } from './ask-without-curl.ts';
import { type Answer, curlLine, type Question, readAnswer } from './question.ts';

/** Gets the answer to a question; rejects when there is none, or when it was aborted. */
export type Ask = (question: Question, signal: AbortSignal) => Promise<Answer>;

const TIMEOUT_MS = 15_000;
const NO_PROXY = 'no_proxy=127.0.0.1';

/** Runs the very line that `curlLine` makes. */
export const askWithCurl: Ask = async (question, signal) =>
  readAnswer(await runShell(curlLine(question), signal));

/** How to ask on this machine, and what a person should know about it. */
export interface ChosenAsk {
  readonly ask: Ask;
  readonly notes: readonly string[];
}

/** Asks with curl, or with Node's own client where there is no curl. */
export async function chooseAsk(): Promise<ChosenAsk> {
  const curl = await runShell('command -v curl || true', new AbortController().signal);
  if (curl === '') {
    const note = 'There is no curl here: Node asked instead, and writes the answers as curl would.';
    return { ask: askWithoutCurl, notes: [note] };
  }
  const proxy = ['http_proxy', 'all_proxy', 'ALL_PROXY'].find((name) => process.env[name]);
  const note = `curl would ask by way of $${proxy}. Here, and in the other terminal: export ${NO_PROXY}`;
  return { ask: askWithCurl, notes: proxy === undefined ? [] : [note] };
}

/** Runs a line in a shell; gives what it printed, errors last. Its exit status says nothing here. */
export function runShell(line: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const shell = spawn('sh', ['-c', `export ${NO_PROXY}; ${line}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      signal,
    });
    let [printed, complained] = ['', ''];
    shell.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString('utf8');
    });
    shell.stderr.on('data', (chunk: Buffer) => {
      complained += chunk.toString('utf8');
    });
    shell.once('error', reject);
    shell.once('close', (code) => {
      if (code === null) reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s: ${line}`));
      else resolve(printed + complained);
    });
  });
}
