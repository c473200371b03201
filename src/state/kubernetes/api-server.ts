import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { reasonOf } from '../../errors.ts';
import { type ApiCall, ApiServerError, type ApiTransport } from './api-transport.ts';
import { type Resource, resourcePath } from './resources.ts';
import { messageOfStatus, readWatch, type WatchEvent } from './watch-stream.ts';

/** Milliseconds in which a request must be answered, and a watch be accepted. */
const answerTimeout = 15_000;

/** Objects per page: bounds what a list of a large fleet takes at a time. */
const pageSize = 500;

/** Seconds after which the server ends a watch, so that one it has forgotten is renewed. */
const watchSeconds = { least: 240, spread: 60 };

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

/** What to list or watch: a kind's objects in one namespace, or in all. */
export interface Scope {
  readonly resource: Resource;
  readonly namespace?: string | undefined;
}

/** A watch that the server accepted. */
export interface AcceptedWatch {
  /** Resolves when it ends in good order; rejects with ApiServerError when it breaks. */
  readonly ended: Promise<void>;
}

type Ask = Omit<ApiCall, 'signal'>;

/** What Offramp asks of the Kubernetes API. Everything throws ApiServerError. */
export class ApiServer {
  readonly #transport: ApiTransport;
  readonly #running = new Set<AbortController>();

  constructor(transport: ApiTransport) {
    this.#transport = transport;
  }

  /** Where it is, as a URL. */
  get address(): string {
    return this.#transport.address;
  }

  /** Hands every object to `receive`, page by page; answers the version to watch from. */
  async list({ resource, namespace }: Scope, receive: (object: unknown) => void): Promise<string> {
    const path = resourcePath(resource, namespace);
    let next: string | undefined;
    for (;;) {
      const query = { limit: String(pageSize), continue: next };
      const page = listSchema.safeParse(await this.#ask({ method: 'GET', path, query }));
      if (!page.success) throw new ApiServerError(`no list came: ${page.error.message}`);
      for (const item of page.data.items ?? []) receive(item);
      next = page.data.metadata.continue;
      if (!next) return page.data.metadata.resourceVersion;
    }
  }

  /** One object. */
  get(path: string): Promise<unknown> {
    return this.#ask({ method: 'GET', path });
  }

  /** Changes one object by a JSON merge patch; answers the object as it is then. */
  patch(path: string, change: unknown): Promise<unknown> {
    const contentType = 'application/merge-patch+json';
    return this.#ask({ method: 'PATCH', path, body: JSON.stringify(change), contentType });
  }

  /** Hands every change since that version to `receive`, once the server has accepted the watch. */
  async watch(
    { resource, namespace }: Scope,
    resourceVersion: string,
    receive: (event: WatchEvent) => void,
  ): Promise<AcceptedWatch> {
    const seconds = Math.round(watchSeconds.least + Math.random() * watchSeconds.spread);
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(seconds),
    };
    const controller = this.#start();
    const end = () => this.#running.delete(controller);
    try {
      const call: Ask = { method: 'GET', path: resourcePath(resource, namespace), query };
      const answer = await within(controller, () => this.#send(call, controller.signal));
      return { ended: readWatch(answer, receive).finally(end) };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Ends everything that runs. */
  close(): void {
    for (const controller of this.#running) controller.abort(new Error('stopping'));
    this.#transport.close();
  }

  async #ask(call: Ask): Promise<unknown> {
    const controller = this.#start();
    try {
      return await within(controller, async () => {
        return JSON.parse(await text(await this.#send(call, controller.signal)));
      });
    } finally {
      this.#running.delete(controller);
    }
  }

  /** The answer's head, if it says yes. */
  async #send(call: Ask, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#transport.send({ ...call, signal });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const said = messageOfStatus(await text(answer).catch(() => ''));
    throw new ApiServerError(said ?? `HTTP status ${status}`, status);
  }

  #start(): AbortController {
    const controller = new AbortController();
    this.#running.add(controller);
    return controller;
  }
}

/**
 * Ends the work when it takes too long, or when it is to stop. It is not waited for then: a plugin
 * that gives credentials knows no signal, and may never end.
 */
async function within<T>(controller: AbortController, work: () => Promise<T>): Promise<T> {
  const reason = new Error(`no answer within ${answerTimeout / 1000} s`);
  const timer = setTimeout(() => controller.abort(reason), answerTimeout);
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
  });
  try {
    return await Promise.race([work(), aborted]);
  } catch (error) {
    if (error instanceof ApiServerError) throw error;
    throw new ApiServerError(
      reasonOf(controller.signal.aborted ? controller.signal.reason : error),
    );
  } finally {
    clearTimeout(timer);
  }
}
