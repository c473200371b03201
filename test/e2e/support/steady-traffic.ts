import { setTimeout as sleep } from 'node:timers/promises';
import { type SentRequest, sendRequest } from './send-request.ts';

/** A request that is sent again and again, and its only right answer. */
export interface SteadyRequest extends SentRequest {
  readonly status: number;
  readonly body: string;
}

/** Requests that go on at a steady pace until they are stopped. */
export interface SteadyTraffic {
  sent(): number;
  /** What was answered, or went wrong, instead of the right answer. */
  wrong(): readonly string[];
  stop(): Promise<void>;
}

/** Sends each request every `intervalMs` milliseconds, on a connection of its own each time. */
export function startSteadyTraffic(
  requests: readonly SteadyRequest[],
  intervalMs: number,
): SteadyTraffic {
  let running = true;
  let sent = 0;
  const wrong: string[] = [];
  const keepSending = async (request: SteadyRequest): Promise<void> => {
    while (running) {
      sent++;
      const answer = await sendRequest(request).catch(String);
      const isRight =
        typeof answer === 'object' &&
        answer.status === request.status &&
        answer.body === request.body;
      if (!isRight) wrong.push(`${request.host}: ${JSON.stringify(answer)}`);
      await sleep(intervalMs);
    }
  };
  const senders = requests.map(keepSending);
  return {
    sent: () => sent,
    wrong: () => [...wrong],
    stop: async () => {
      running = false;
      await Promise.all(senders);
    },
  };
}
