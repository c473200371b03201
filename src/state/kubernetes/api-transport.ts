import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import { reasonOf } from '../../errors.ts';

/** The API server refused, or could not be asked. */
export class ApiServerError extends Error {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.name = 'ApiServerError';
    this.status = status;
  }
}

/** An ApiServerError out of whatever was thrown. */
export function asApiServerError(error: unknown): ApiServerError {
  return error instanceof ApiServerError ? error : new ApiServerError(reasonOf(error));
}

/** One request, as far as it differs. */
export interface ApiCall {
  readonly method: 'GET' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly contentType?: string;
  /** Ends the request, or the answer that is being read. */
  readonly signal: AbortSignal;
}

/** Milliseconds after which a silent connection is probed, so that a dead one is noticed. */
const tcpKeepAliveMs = 30_000;

/**
 * Sends requests to the API server that a kubeconfig names, with its credentials: tokens and
 * certificates are read anew for each request, so a rotated one is used. Connections are kept.
 */
export class ApiTransport {
  readonly #config: KubeConfig;
  #agent: Agent | undefined;

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  /** Where the API server is, as a URL. */
  get address(): string {
    return this.#config.getCurrentCluster()?.server ?? '';
  }

  /** The answer's head; its body is still to be read. Throws ApiServerError. */
  async send(call: ApiCall): Promise<IncomingMessage> {
    try {
      const options = await this.#options(call);
      const url = new URL(this.address.replace(/\/$/, '') + call.path);
      for (const [name, value] of Object.entries(call.query ?? {})) {
        if (value !== undefined) url.searchParams.set(name, value);
      }
      const request =
        url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
      return await answerOf(request, call.body);
    } catch (error) {
      throw new ApiServerError(`${this.address}: ${causeOf(error)}`);
    }
  }

  /** Closes every connection; requests that run fail. */
  close(): void {
    this.#agent?.destroy();
  }

  async #options({ method, contentType, signal }: ApiCall): Promise<RequestOptions> {
    const headers = {
      accept: 'application/json',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    };
    const options: RequestOptions = { method, headers, signal };
    await this.#config.applyToHTTPSOptions(options).catch((error: unknown) => {
      // The message of a SyntaxError quotes what it could not read: a token, perhaps.
      if (!(error instanceof SyntaxError)) throw error;
      throw new Error('the plugin that the kubeconfig names for credentials printed no JSON');
    });
    if (options.agent instanceof Agent) options.agent = this.#keptAgent(options.agent);
    return options;
  }

  /** The client makes an agent for each request; with equal credentials the last one is used again. */
  #keptAgent(fresh: Agent): Agent {
    const kept = this.#agent;
    if (kept?.constructor === fresh.constructor && haveSameOptions(kept, fresh)) return kept;
    if (fresh.constructor !== Agent) return fresh;
    this.#agent = new Agent({ ...fresh.options, keepAlive: true });
    return this.#agent;
  }
}

function haveSameOptions(kept: Agent, fresh: Agent): boolean {
  const { keepAlive: _, ...options } = kept.options;
  return isDeepStrictEqual(options, fresh.options);
}

function answerOf(request: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('socket', (socket) => socket.setKeepAlive(true, tcpKeepAliveMs));
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

/** The reason that Node gives, or the one that the request was ended with. */
function causeOf(error: unknown): string {
  const isAbort = error instanceof Error && error.name === 'AbortError';
  return reasonOf(isAbort && error.cause !== undefined ? error.cause : error);
}
