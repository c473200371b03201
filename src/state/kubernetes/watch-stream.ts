import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { ApiServerError, asApiServerError } from './api-transport.ts';

/**
 * Milliseconds of silence after which a watch is given up and asked for anew. Servers send a
 * bookmark about every minute, so a longer silence means that the connection leads nowhere; a
 * server without bookmarks is only asked a little more often.
 */
const longestSilence = 150_000;

const eventSchema = z.object({ type: z.string(), object: z.unknown() });

const statusSchema = z.object({ code: z.number().optional(), message: z.string().optional() });

/** A line of a watch: what happened, to which object as it is then. */
export type WatchEvent = z.output<typeof eventSchema>;

/**
 * Hands each event of an accepted watch to `receive`. Resolves when it ends in good order or goes
 * silent; rejects with ApiServerError when the connection is lost or something unknown comes.
 */
export function readWatch(
  answer: IncomingMessage,
  receive: (event: WatchEvent) => void,
): Promise<void> {
  const lines = createInterface({ input: answer });
  return new Promise((resolve, reject) => {
    let isOver = false;
    let silence: NodeJS.Timeout | undefined;
    const end = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(silence);
      settle();
      lines.close();
      answer.destroy();
    };
    const expectMore = () => {
      clearTimeout(silence);
      silence = setTimeout(() => end(resolve), longestSilence);
    };
    const lose = () => end(() => reject(new ApiServerError('the connection was lost')));
    expectMore();
    answer.on('error', lose);
    lines.on('error', lose); // readline passes on what its input emits
    lines.on('close', () => (answer.complete ? end(resolve) : lose()));
    lines.on('line', (line) => {
      if (isOver) return;
      expectMore();
      try {
        receive(eventSchema.parse(JSON.parse(line)));
      } catch (error) {
        end(() => reject(asApiServerError(error)));
      }
    });
  });
}

/** The error that an event of type ERROR carries. */
export function errorOfEvent({ object }: WatchEvent): ApiServerError {
  const { code, message } = statusSchema.safeParse(object).data ?? {};
  return new ApiServerError(message ?? 'the watch failed', code);
}

/** What the API server says with a refusal: a Status; undefined for anything else. */
export function messageOfStatus(body: string): string | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(body)).data?.message;
  } catch {
    return undefined;
  }
}
