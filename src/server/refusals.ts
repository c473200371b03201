import type { Logger } from 'pino';
import { RateLimitedLog } from '../observe/rate-limited-log.ts';
import type {
  CallRefusal,
  ConnectionRefusal,
  Port,
  ServerMetrics,
} from '../observe/server-metrics.ts';

/** Longest text from a stranger that is logged, in characters. */
const maxLength = 200;

/** Counts who was turned away at a port, and logs it: who, and why; how often a line is written is limited. */
export class Refusals {
  readonly #port: Port;
  readonly #metrics: ServerMetrics;
  readonly #log: RateLimitedLog;

  constructor(port: Port, metrics: ServerMetrics, log: Logger) {
    this.#port = port;
    this.#metrics = metrics;
    this.#log = new RateLimitedLog(log);
  }

  connection(
    reason: ConnectionRefusal,
    peer: string,
    detail: Readonly<Record<string, string>> = {},
  ): void {
    this.#metrics.connectionsRefused.inc({ port: this.#port, reason });
    const cut = Object.entries(detail).map(([name, text]) => [name, text.slice(0, maxLength)]);
    const fields = { port: this.#port, reason, peer, ...Object.fromEntries(cut) };
    this.#log.warn(reason, fields, 'connection refused');
  }

  call(reason: CallRefusal, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#metrics.callsRefused.inc({ reason });
    this.#log.warn(reason, { reason, ...fields }, 'call refused');
  }
}
