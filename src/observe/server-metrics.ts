import { Counter, Gauge, type Registry } from 'prom-client';

/** The two ports of Offramp. */
export type Port = 'grpc' | 'http';

/** Why a connection was not kept. */
export const connectionRefusals = {
  grpc: [
    'too-many',
    'made-room',
    'no-answer',
    'handshake-failed',
    'handshake-timeout',
    'no-certificate',
    'untrusted-certificate',
    'expired-certificate',
    'not-allowed',
  ],
  http: ['too-many', 'made-room', 'too-slow', 'malformed'],
} as const satisfies Record<Port, readonly string[]>;

/** A reason of one of the ports. */
export type ConnectionRefusal = (typeof connectionRefusals)[Port][number];

/** Why a call was answered with an error before it was looked at. */
export const callRefusals = ['queue-full', 'too-large', 'too-slow', 'stopping'] as const;

/** One of `callRefusals`. */
export type CallRefusal = (typeof callRefusals)[number];

/** Metrics of who may call, and how much at a time. */
export class ServerMetrics {
  readonly connections;
  readonly connectionsRefused;
  readonly callsWaiting;
  readonly callsRefused;
  readonly tlsReloads;
  readonly tlsReloadErrors;
  readonly certificateExpiry;

  constructor(registry: Registry, prefix: string) {
    const registers = [registry];
    this.connections = new Gauge({
      name: `${prefix}_connections`,
      help: 'Open connections by port: grpc, http. Compare with their limits.',
      labelNames: ['port'] as const,
      registers,
    });
    this.connectionsRefused = new Counter({
      name: `${prefix}_connections_refused_total`,
      help:
        'Connections that were not kept, by port and reason. Alert when it grows on grpc: somebody who ' +
        'may not call tries to, or Envoy Gateway has a certificate that is not taken. The log says which.',
      labelNames: ['port', 'reason'] as const,
      registers,
    });
    this.callsWaiting = new Gauge({
      name: `${prefix}_calls_waiting`,
      help: 'Calls that wait for others to end: more than grpc.limits.concurrentCalls came at a time.',
      registers,
    });
    this.callsRefused = new Counter({
      name: `${prefix}_calls_refused_total`,
      help:
        'Calls that were answered with an error before they were looked at, by reason: queue-full, too-large, ' +
        'too-slow, stopping. Alert on any but stopping: that translation was not published.',
      labelNames: ['reason'] as const,
      registers,
    });
    this.tlsReloads = new Counter({
      name: `${prefix}_tls_reloads_total`,
      help: 'Changed certificates, keys and CAs that were taken into use.',
      registers,
    });
    this.tlsReloadErrors = new Counter({
      name: `${prefix}_tls_reload_errors_total`,
      help: 'Changed certificates, keys and CAs that cannot be used. Alert on any: the last good ones stay.',
      registers,
    });
    this.certificateExpiry = new Gauge({
      name: `${prefix}_certificate_expiry_timestamp_seconds`,
      help:
        'When the certificate in use ends, as Unix time: server, client-ca (the first of them to end). Alert ' +
        'when it comes near.',
      labelNames: ['certificate'] as const,
      registers,
    });
    // From the start, so that increase() sees the first one.
    for (const port of ['grpc', 'http'] as const) {
      this.connections.set({ port }, 0);
      for (const reason of connectionRefusals[port]) {
        this.connectionsRefused.inc({ port, reason }, 0);
      }
    }
    for (const reason of callRefusals) this.callsRefused.inc({ reason }, 0);
  }
}
