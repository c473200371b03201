import { setTimeout } from 'node:timers/promises';
import { type ApiServerError, asApiServerError } from './api-transport.ts';
import { conditionAfterFailure, type KindCondition, pauseAfter } from './kind-condition.ts';
import { objectKey, splitKey } from './kubernetes-view.ts';
import type { ObjectFeed } from './object-feed.ts';
import { readIdentity } from './object-identity.ts';
import { errorOfEvent, type WatchEvent } from './watch-stream.ts';

/** What a kind's objects are read for, and who is told. */
export interface WatchedKindOptions<T> {
  readonly feed: ObjectFeed;
  /** What is kept of an object; the rest of it is forgotten at once. */
  readonly read: (object: unknown) => T;
  /** An object as it is now, or undefined when it is gone. Not told of changes in what is not kept. */
  readonly changed: (namespace: string, name: string, kept: T | undefined) => void;
  readonly conditionChanged: (before: KindCondition, now: KindCondition) => void;
}

/** The server no longer knows the changes since that version: normal after it was restarted. */
const expired = 410;

/** Failures that are remembered once the server answers: it may be starting, and refuse at first. */
const failuresOnceAnswered = 2;

/** Milliseconds that a watch has to last for the trouble before it to count as over. */
const steadyAfter = 2_000;

/** Refusals of a version in a row after which all objects are listed anew. */
const refusalsUntilList = 3;

/**
 * Follows a kind of object: lists it, then watches, and goes on with both for ever. What went while
 * it could not look is noticed by the next list.
 */
export class WatchedKind<T> {
  readonly #options: WatchedKindOptions<T>;
  readonly #stopping = new AbortController();
  #kept = new Map<string, T>();
  #condition: KindCondition = { state: 'waiting', reason: undefined };
  #version: string | undefined;
  #watchingSince: number | undefined;
  #failures = 0;
  #pausing: AbortController | undefined;
  #failingSince: number | undefined;

  constructor(options: WatchedKindOptions<T>) {
    this.#options = options;
  }

  get condition(): KindCondition {
    return this.#condition;
  }

  /** How many objects there are. */
  get size(): number {
    return this.#kept.size;
  }

  /** Never rejects; resolves after `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const needsPause = await this.#follow();
      if (!needsPause || signal.aborted) continue;
      await this.#pause(pauseAfter(this.#failures, this.#condition, Math.random()));
    }
  }

  /** Tries again now if it is pausing: the API server is known to answer again. */
  hurry(): void {
    this.#failures = Math.min(this.#failures, failuresOnceAnswered);
    this.#pausing?.abort();
  }

  stop(): void {
    this.#stopping.abort();
    this.#pausing?.abort();
  }

  async #pause(milliseconds: number): Promise<void> {
    this.#pausing = new AbortController();
    const { signal } = this.#pausing;
    await setTimeout(milliseconds, undefined, { signal }).catch(() => undefined);
    this.#pausing = undefined;
  }

  /** One list, if it takes one, and one watch. Answers whether to pause before the next. */
  async #follow(): Promise<boolean> {
    const listsFirst = this.#version === undefined;
    try {
      if (listsFirst) await this.#list();
      const next = await this.#watch(this.#version ?? '');
      if (next === 'list') this.#version = undefined;
      if (this.#wasSteady()) return false;
      this.#failures += 1; // a server that ends every watch at once is not asked without end
      return true;
    } catch (error) {
      if (this.#stopping.signal.aborted) return false;
      const failure = asApiServerError(error);
      if (failure.status === expired) this.#version = undefined;
      if (failure.status === expired && !listsFirst) return false;
      this.#failed(failure);
      return true;
    } finally {
      this.#watchingSince = undefined;
    }
  }

  async #list(): Promise<void> {
    const found = new Map<string, T>();
    this.#version = await this.#options.feed.list((object) => {
      const { namespace, name } = readIdentity(object);
      const key = objectKey(namespace, name);
      found.set(key, this.#asKnown(key, this.#options.read(object)));
    });
    this.#replace(found);
    if (this.#condition.state !== 'stale') this.#setCondition({ state: 'watching' });
  }

  async #watch(version: string): Promise<'watch' | 'list'> {
    const { ended } = await this.#options.feed.watch(version, (event) => this.#receive(event));
    this.#watchingSince = performance.now();
    this.#failingSince = undefined;
    this.#failures = Math.min(this.#failures, failuresOnceAnswered);
    this.#setCondition({ state: 'watching' });
    return await ended;
  }

  #receive(event: WatchEvent): void {
    if (event.type === 'ERROR') throw errorOfEvent(event);
    const { name, namespace, resourceVersion } = readIdentity(event.object);
    if (event.type === 'DELETED') this.#set(objectKey(namespace, name), undefined);
    else if (event.type !== 'BOOKMARK') {
      this.#set(objectKey(namespace, name), this.#options.read(event.object));
    }
    this.#version = resourceVersion ?? this.#version;
  }

  #replace(found: ReadonlyMap<string, T>): void {
    for (const key of this.#kept.keys()) if (!found.has(key)) this.#set(key, undefined);
    for (const [key, kept] of found) this.#set(key, kept);
  }

  /** The very object that is kept when the new one says the same: a list would else hold all of them twice. */
  #asKnown(key: string, kept: T): T {
    const known = this.#kept.get(key);
    return known !== undefined && JSON.stringify(known) === JSON.stringify(kept) ? known : kept;
  }

  #set(key: string, kept: T | undefined): void {
    const known = this.#kept.get(key);
    if (known === kept || JSON.stringify(known) === JSON.stringify(kept)) return;
    if (kept === undefined) this.#kept.delete(key);
    else this.#kept.set(key, kept);
    const { namespace, name } = splitKey(key);
    this.#options.changed(namespace, name, kept);
  }

  #failed(error: ApiServerError): void {
    const now = performance.now();
    if (this.#wasSteady()) this.#failures = 0;
    this.#failingSince ??= now;
    this.#failures += 1;
    const isRefusal = error.status !== undefined && this.#failures >= refusalsUntilList;
    if (isRefusal) this.#version = undefined;
    const condition = conditionAfterFailure(this.#condition, {
      error,
      now,
      failingSince: this.#failingSince,
      hasObjects: this.#kept.size > 0,
    });
    if (condition.state === 'absent') {
      this.#version = undefined;
      this.#replace(new Map());
    }
    this.#setCondition(condition);
  }

  #wasSteady(): boolean {
    const since = this.#watchingSince;
    return since !== undefined && performance.now() - since >= steadyAfter;
  }

  #setCondition(condition: KindCondition): void {
    const before = this.#condition;
    this.#condition = condition;
    this.#options.conditionChanged(before, condition);
  }
}
