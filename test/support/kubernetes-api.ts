import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { z } from 'zod';
import { keyOf, type Place, placeOf, sendJson, sendStatus } from './kubernetes-api-http.ts';

/** An object as the API has it. */
export type ApiObject = z.output<typeof objectSchema>;

const objectSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().default(''),
    annotations: z.record(z.string(), z.string().nullable()).optional(),
  }),
});

interface Change {
  readonly version: number;
  readonly plural: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
}

/**
 * The transport of a Kubernetes API server: list by pages, watch, get and merge patch over HTTP, for
 * the faults that a real one cannot be made to have on demand. It knows nothing of what it stores.
 */
export class KubernetesApiDouble {
  /** What was asked: `GET connectors`, `WATCH connectors`, `PATCH gateways a/eg`. */
  readonly requests: string[] = [];
  /** Objects on a page, if the client allows as many. */
  pageSize = 500;
  readonly #times: number[] = [];
  readonly #installed = new Set(['namespaces']);
  readonly #objects = new Map<string, ApiObject>();
  readonly #changes: Change[] = [];
  readonly #refusals = new Map<string, number>();
  readonly #watches = new Map<ServerResponse, Place>();
  #version = 1;
  readonly #oldest = new Map<string, number>();
  #isHanging = false;
  #server: Server | undefined;
  #port = 0;

  /** Listens, on the same port each time. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = portOf(server);
    this.#server = server;
  }

  /** Ends every connection and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
    this.#watches.clear();
  }

  /** The text of a kubeconfig for it. */
  kubeconfig(): string {
    const server = `http://127.0.0.1:${this.#port}`;
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'double', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'nobody', user: { token: 'of-nobody' } }],
      contexts: [{ name: 'double', context: { cluster: 'double', user: 'nobody' } }],
      'current-context': 'double',
    });
  }

  /** Makes kinds known, by their plurals: without that, 404. */
  install(...plurals: readonly string[]): void {
    for (const plural of plurals) this.#installed.add(plural);
  }

  /** Makes a kind unknown, and its objects gone, without a word to watches. */
  uninstall(plural: string): void {
    this.#installed.delete(plural);
    for (const key of this.#objects.keys()) {
      if (key.startsWith(`${plural}/`)) this.#objects.delete(key);
    }
  }

  put(plural: string, object: unknown): void {
    const parsed = objectSchema.parse(object);
    const key = keyOf(plural, parsed.metadata.namespace, parsed.metadata.name);
    this.#change(plural, this.#objects.has(key) ? 'MODIFIED' : 'ADDED', parsed);
  }

  remove(plural: string, namespace: string, name: string): void {
    const object = this.#objects.get(keyOf(plural, namespace, name));
    if (object !== undefined) this.#change(plural, 'DELETED', object);
  }

  get(plural: string, namespace: string, name: string): ApiObject | undefined {
    return this.#objects.get(keyOf(plural, namespace, name));
  }

  /** From now on, requests of this sort (`GET connectors`) get this status; undefined: none. */
  refuse(request: string, status: number | undefined): void {
    if (status === undefined) this.#refusals.delete(request);
    else this.#refusals.set(request, status);
  }

  /** Forgets what changed until now: watches of this kind, or of all, from before are refused. */
  compact(plural = ''): void {
    this.#oldest.set(plural, this.#version);
  }

  /** Tells every watch up to which version it has seen everything. */
  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.#version) } };
    this.sayToWatches(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Breaks every watch off in the middle. */
  cutWatches(): void {
    for (const response of this.#watches.keys()) response.destroy();
    this.#watches.clear();
  }

  /** Ends every watch in good order. */
  endWatches(): void {
    for (const response of this.#watches.keys()) response.end();
    this.#watches.clear();
  }

  /** Sends a line as it is to every watch. */
  sayToWatches(line: string): void {
    for (const response of this.#watches.keys()) response.write(line);
  }

  /** Takes requests and answers none. */
  hang(isHanging: boolean): void {
    this.#isHanging = isHanging;
  }

  /** When requests came that began so, in milliseconds of performance.now(). */
  timesOf(request: string): number[] {
    return this.#times.filter((_time, at) => this.requests[at]?.startsWith(request));
  }

  /** How many requests began so. */
  count(request: string): number {
    return this.requests.filter((one) => one.startsWith(request)).length;
  }

  #change(plural: string, type: Change['type'], object: ApiObject): void {
    this.#version += 1;
    const { metadata } = object;
    const stored = { ...object, metadata: { ...metadata, resourceVersion: `${this.#version}` } };
    const key = keyOf(plural, metadata.namespace, metadata.name);
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, stored);
    const change = { version: this.#version, plural, type, object: stored };
    this.#changes.push(change);
    for (const [response, place] of this.#watches) sendChange(response, place, change);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://double');
    const place = placeOf(url.pathname);
    const isWatch = url.searchParams.get('watch') === 'true';
    const verb = isWatch ? 'WATCH' : (request.method ?? '');
    const sort = `${verb} ${place.plural}`;
    const object = place.name === undefined ? '' : ` ${place.namespace ?? ''}/${place.name}`;
    this.requests.push(sort + object);
    this.#times.push(performance.now());
    const body = await text(request);
    if (this.#isHanging) return;
    const refusal = this.#refusals.get(sort);
    if (refusal !== undefined) return sendStatus(response, refusal, `${sort}: refused`);
    if (!this.#installed.has(place.plural)) return sendStatus(response, 404, 'no such kind');
    if (isWatch) return this.#watch(response, place, url.searchParams);
    if (place.name === undefined) return this.#list(response, place, url.searchParams);
    const found = this.#objects.get(keyOf(place.plural, place.namespace ?? '', place.name));
    if (found === undefined) return sendStatus(response, 404, 'no such object');
    if (verb === 'PATCH') this.#patch(place.plural, found, body);
    const key = keyOf(place.plural, place.namespace ?? '', place.name);
    sendJson(response, 200, this.#objects.get(key));
  }

  /** A patch that changes nothing is no write, as in the real one. */
  #patch(plural: string, object: ApiObject, body: string): void {
    const before = object.metadata.annotations ?? {};
    const annotations = {
      ...before,
      ...objectSchema.shape.metadata.shape.annotations.parse(
        z
          .object({ metadata: z.object({ annotations: z.unknown().optional() }) })
          .parse(JSON.parse(body)).metadata.annotations,
      ),
    };
    const kept = Object.fromEntries(
      Object.entries(annotations).filter(([, value]) => value !== null),
    );
    if (JSON.stringify(kept) === JSON.stringify(before)) return;
    this.put(plural, { ...object, metadata: { ...object.metadata, annotations: kept } });
  }

  #list(response: ServerResponse, place: Place, query: URLSearchParams): void {
    const prefix = keyOf(place.plural, place.namespace ?? '', '');
    const matching = [...this.#objects]
      .filter(([key]) =>
        key.startsWith(place.namespace === undefined ? `${place.plural}/` : prefix),
      )
      .map(([, object]) => object);
    const from = Number(query.get('continue') ?? 0);
    const to = from + Math.min(this.pageSize, Number(query.get('limit')));
    const next = to < matching.length ? { continue: String(to) } : {};
    const metadata = { resourceVersion: String(this.#version), ...next };
    sendJson(response, 200, { metadata, items: matching.slice(from, to) });
  }

  #watch(response: ServerResponse, place: Place, query: URLSearchParams): void {
    const from = Number(query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const oldest = Math.max(...['', place.plural].map((kind) => this.#oldest.get(kind) ?? 0));
    if (from < oldest) {
      const object = { kind: 'Status', code: 410, message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    this.#watches.set(response, place);
    response.on('close', () => this.#watches.delete(response));
    for (const change of this.#changes) {
      if (change.version > from) sendChange(response, place, change);
    }
  }
}

function sendChange(response: ServerResponse, place: Place, change: Change): void {
  const { type, object, plural } = change;
  const isWatched = place.namespace === undefined || place.namespace === object.metadata.namespace;
  if (plural !== place.plural || !isWatched) return;
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
