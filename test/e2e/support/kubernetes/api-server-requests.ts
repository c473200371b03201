import https from 'node:https';
import { z } from 'zod';

/** Where an API server is, and as whom it is asked. */
export interface ApiAccess {
  /** Without a slash at the end. */
  readonly url: string;
  /** The certificate that vouches for the server, as PEM. */
  readonly ca: string;
  /** The bearer token. */
  readonly token: string;
}

/** One request; a body goes out as JSON. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** `application/json` by default. */
  readonly contentType?: string;
}

/** Requests over a few kept connections: a few milliseconds each, which kubectl cannot do. */
export interface ApiRequests {
  /** The parsed answer; throws an ApiError for a status of 400 or more. */
  send(request: ApiRequest): Promise<unknown>;
  /** Closes the connections. */
  close(): void;
}

/** The API server's refusal: its HTTP status, and its reason such as `NotFound` or `Forbidden`. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(request: ApiRequest, status: number, answer: string) {
    const { message, reason } = readRefusal(answer);
    super(`${request.method} ${request.path} was answered ${status}: ${message}`);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
  }
}

const CONNECTIONS = 8;
const TIMEOUT_MS = 30_000;
const JSON_TYPE = 'application/json';
const refusalSchema = z.looseObject({ message: z.string(), reason: z.string().default('') });

/** Opens nothing yet: connections come with the first requests, and again after a restart. */
export function createApiRequests(access: ApiAccess): ApiRequests {
  const agent = new https.Agent({ ca: access.ca, keepAlive: true, maxSockets: CONNECTIONS });
  return {
    send: async (request) => {
      const { status, text } = await exchange(access, agent, request);
      if (status >= 400) throw new ApiError(request, status, text);
      return text.startsWith('{') ? JSON.parse(text) : text;
    },
    close: () => agent.destroy(),
  };
}

function exchange(
  { url, token }: ApiAccess,
  agent: https.Agent,
  request: ApiRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  return new Promise((resolve, reject) => {
    const outgoing = https.request(`${url}${request.path}`, {
      agent,
      method: request.method,
      timeout: TIMEOUT_MS,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...(body === undefined ? {} : { 'content-type': request.contentType ?? JSON_TYPE }),
      },
    });
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function readRefusal(answer: string): z.output<typeof refusalSchema> {
  try {
    return refusalSchema.parse(JSON.parse(answer));
  } catch {
    return { message: answer, reason: '' };
  }
}
