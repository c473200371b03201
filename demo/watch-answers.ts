import { setTimeout as sleep } from 'node:timers/promises';
import { sendRequest } from '../test/e2e/support/send-request.ts';

/** What to ask again and again, and when to stop. */
export interface Watch {
  readonly url: string;
  readonly host: string;
  /** Status and body of the answer that ends the watch. */
  readonly until: string;
  readonly signal: AbortSignal;
}

/** One answer, and how often it came in a row. */
export interface SeenAnswer {
  readonly answer: string;
  readonly times: number;
}

const PAUSE_MS = 20;
const TIMEOUT_MS = 15_000;

/** Asks every 20 ms until the answer is as awaited, 15 s at most; gives all answers in their order. */
export async function watchAnswers({ url, host, until, signal }: Watch): Promise<SeenAnswer[]> {
  const port = Number(new URL(url).port);
  const deadline = performance.now() + TIMEOUT_MS;
  const seen: SeenAnswer[] = [];
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    const { status, body } = await sendRequest({ port, host });
    const answer = `${status} ${body.trim()}`;
    const last = seen.at(-1);
    if (last?.answer === answer) seen[seen.length - 1] = { answer, times: last.times + 1 };
    else seen.push({ answer, times: 1 });
    if (answer === until) break;
    await sleep(PAUSE_MS);
  }
  return seen;
}
