import { createHash } from 'node:crypto';
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Check } from '../observe/check.ts';
import type { Metrics } from '../observe/metrics.ts';
import { readRegularFile } from '../process/regular-file.ts';
import { type GatewayName, gatewaysOf } from '../xds/gateways.ts';
import type { CallWatch } from './call-watch.ts';
import { gatewayOfFile, retriggerFile, retriggerRoute } from './retrigger-route.ts';

/** Milliseconds until a failed write is tried again, and how often. */
const retryDelay = 1_000;
const maxRetries = 30;

/** Where the route files go, and where to tell of them. */
export interface FolderRetriggerOptions {
  /** The folder that Envoy Gateway's file provider watches. */
  readonly folder: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Makes a standalone Envoy Gateway translate again when the state changed: it writes one HTTPRoute
 * for each Gateway into the folder that Envoy Gateway watches. Equal state is no write. It learns of
 * Gateways from hook calls, and from the files that an earlier Offramp left.
 */
export class FolderRetrigger {
  readonly #options: FolderRetriggerOptions;
  readonly #gateways = new Map<string, GatewayName>();
  readonly #written = new Map<string, string>();
  #generation: string | undefined;
  #retries = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FolderRetriggerOptions) {
    this.#options = options;
    for (const gateway of this.#leftGateways()) this.#gateways.set(retriggerFile(gateway), gateway);
  }

  /**
   * Remembers the Gateways of a snapshot. Touches no file: a hook call waits for it. A Gateway that
   * shows up while the state changes has its route written when the answer has left.
   */
  watchCall(): CallWatch {
    const before = this.#generation;
    return {
      answered: (snapshot) => {
        for (const gateway of gatewaysOf(snapshot)) {
          this.#gateways.set(retriggerFile(gateway), gateway);
        }
        if (this.#generation !== before) setImmediate(() => this.#write());
      },
      end: () => {},
    };
  }

  /** Writes the routes when the state, by its digest, differs from the one that they were written for. */
  stateChanged(digest: string): void {
    this.#generation = createHash('sha256').update(digest).digest('hex').slice(0, 12);
    this.#retries = 0;
    this.#write();
  }

  /** The log says when a write fails. */
  checks(): readonly Check[] {
    return [];
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #write(): void {
    clearTimeout(this.#timer);
    const { folder, metrics, log } = this.#options;
    const generation = this.#generation ?? '';
    for (const [file, gateway] of this.#gateways) {
      const text = retriggerRoute(gateway, generation);
      if (this.#current(file) === text) continue;
      try {
        // A file provider ignores hidden files, and sees the whole file at once by the rename.
        writeFileSync(join(folder, `.${file}`), text);
        renameSync(join(folder, `.${file}`), join(folder, file));
        this.#written.set(file, text);
        metrics.retriggers.inc({ outcome: 'ok' });
        log.info({ gateway: `${gateway.namespace}/${gateway.name}`, generation }, 'retriggered');
      } catch (error) {
        metrics.retriggers.inc({ outcome: 'failed' });
        this.#retryLater(error);
        return;
      }
    }
  }

  #current(file: string): string | undefined {
    const known = this.#written.get(file);
    if (known !== undefined) return known;
    try {
      return readRegularFile(join(this.#options.folder, file)).toString('utf8');
    } catch {
      return undefined; // not there yet, or unreadable: the write that follows says why
    }
  }

  #retryLater(error: unknown): void {
    const { folder, log } = this.#options;
    const again = this.#retries++ < maxRetries;
    const outlook = again ? 'trying again' : 'giving up until the state changes again';
    if (this.#retries === 1 || !again) {
      log.error({ folder, err: error }, `Envoy Gateway could not be retriggered; ${outlook}`);
    }
    if (again) this.#timer = setTimeout(() => this.#write(), retryDelay).unref();
  }

  #leftGateways(): GatewayName[] {
    const { folder, log } = this.#options;
    try {
      return readdirSync(folder).flatMap((file) => gatewayOfFile(file) ?? []);
    } catch (error) {
      log.warn({ folder, err: error }, 'retrigger.folder cannot be read');
      return [];
    }
  }
}
