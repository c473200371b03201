import { status } from '@grpc/grpc-js';
import { Counter, Histogram, type Registry } from 'prom-client';

/** Called when the RPC is answered, with its gRPC status. */
export type Handled = (code: status) => void;

/** `grpc_server_*`, under the names that go-grpc-middleware gives them, so its dashboards fit. */
export class RpcMetrics {
  readonly #started;
  readonly #handled;
  readonly #received;
  readonly #sent;
  readonly #seconds;

  constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const;
    this.#started = new Counter({
      name: 'grpc_server_started_total',
      help: 'Total number of RPCs started on the server.',
      labelNames,
      registers,
    });
    this.#handled = new Counter({
      name: 'grpc_server_handled_total',
      help: 'Total number of RPCs completed on the server, regardless of success or failure.',
      labelNames: [...labelNames, 'grpc_code'] as const,
      registers,
    });
    this.#received = new Counter({
      name: 'grpc_server_msg_received_total',
      help: 'Total number of RPC messages received on the server.',
      labelNames,
      registers,
    });
    this.#sent = new Counter({
      name: 'grpc_server_msg_sent_total',
      help: 'Total number of RPC messages sent by the server.',
      labelNames,
      registers,
    });
    this.#seconds = new Histogram({
      name: 'grpc_server_handling_seconds',
      help: 'Seconds until an RPC was answered on the server.',
      labelNames,
      registers,
    });
  }

  /** Counts a unary RPC whose request has arrived; call the answer when it is done. */
  started(service: string, method: string): Handled {
    const labels = { grpc_type: 'unary', grpc_service: service, grpc_method: method } as const;
    this.#started.inc(labels);
    this.#received.inc(labels);
    const stop = this.#seconds.startTimer(labels);
    return (code) => {
      stop();
      if (code === status.OK) this.#sent.inc(labels);
      this.#handled.inc({ ...labels, grpc_code: codeName(code) });
    };
  }
}

/** A status as Go writes it: `InvalidArgument`, not `INVALID_ARGUMENT`; OK stays OK. */
function codeName(code: status): string {
  const name = status[code] ?? 'UNKNOWN';
  if (name === 'OK') return name;
  return name
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
