import type { Socket } from 'node:net';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { readAddress } from '../config/addresses.ts';
import { milliseconds } from '../config/durations.ts';
import type { GrpcLimits } from '../config/grpc.ts';
import type { ServerMetrics } from '../observe/server-metrics.ts';
import { CallGate } from './call-gate.ts';
import { extensionService, serviceName } from './extension-service.ts';
import { eachSession, limitPatience } from './http2-sessions.ts';
import { widenWindows } from './http2-windows.ts';
import { IdleSessions } from './idle-sessions.ts';
import { listen } from './listener.ts';
import { numberPeers, peerOf } from './peer.ts';
import { Refusals } from './refusals.ts';
import { addHealth, addReflection, type ServingStatus } from './standard-services.ts';
import { openTls, type TlsFiles } from './tls/open-tls.ts';

/** The running gRPC server. */
export interface GrpcServer {
  /** Where it listens: host:port with the real port, or unix: and the whole path. */
  readonly address: string;
  /** What gRPC health says of the server and of the extension service. */
  setServing(serving: boolean): void;
  /**
   * Takes no new calls and refuses those that wait; lets running ones finish, and refuses those that
   * are not there after `graceMs` milliseconds.
   */
  stop(graceMs: number): Promise<void>;
}

/** What a server is started with, beside what it answers. */
export interface GrpcServerOptions {
  readonly limits: GrpcLimits;
  /** Without it: plain text. */
  readonly tls?: TlsFiles | undefined;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
}

/** Streams of one connection beside calls of the hook: health and reflection. */
const otherStreams = 16;

/** How long a client may leave a PING unanswered, in milliseconds: longer than the watchdog lets us be silent. */
const pingMs = 30_000;

/** How long a refusal may take to leave before its connection is cut, in milliseconds. */
const lastWordsMs = 500;

/**
 * Serves the extension service, health and reflection. Throws OfframpError: address-unusable,
 * certificate-unusable.
 */
export async function startGrpcServer(
  address: string,
  implementation: UntypedServiceImplementation,
  options: GrpcServerOptions,
): Promise<GrpcServer> {
  // Its own lines on stderr are no JSON; what went wrong is in the errors we report.
  setLogVerbosity(logVerbosity.NONE);
  const { limits, metrics, log } = options;
  const refusals = new Refusals('grpc', metrics, log);
  const gate = new CallGate(limits, metrics, refusals);
  const { server, setHealth } = makeServer(implementation, options, gate);
  const patience = {
    handshake: milliseconds(limits.handshakeTimeout),
    call: milliseconds(limits.transferTimeout),
    ping: pingMs,
  };
  const idle = new IdleSessions(refusals);
  eachSession(server, (session) => {
    idle.add(session);
    widenWindows(session);
    limitPatience(session, patience, refusals);
  });
  // TLS is ours, in front of it: grpc-js can neither change certificates nor say whom it refused.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const admit = (socket: Socket) => injector.injectConnection(socket);
  const name = readAddress(address).kind === 'unix' ? numberPeers() : () => undefined;
  const tls =
    options.tls &&
    openTls(options.tls, {
      handshakeTimeout: patience.handshake,
      refusals,
      metrics,
      log,
      name,
      admit,
    });
  const sockets = new Set<Socket>();
  const listener = await listen(address, {
    maxConnections: limits.connections,
    makeRoom: () => idle.makeRoom(),
    accepted(socket) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      if (tls !== undefined) return tls.receive(socket);
      name(socket);
      admit(socket);
    },
    refused(socket) {
      name(socket);
      refusals.connection('too-many', peerOf(socket));
    },
    counted: (open) => metrics.connections.set({ port: 'grpc' }, open),
    log,
  });
  return {
    address: listener.address,
    setServing(serving) {
      setHealth(serving ? 'SERVING' : 'NOT_SERVING');
    },
    async stop(graceMs) {
      listener.close();
      tls?.stop();
      gate.stop();
      const refuse = setTimeout(() => gate.refuseUnanswered(), graceMs);
      const force = setTimeout(() => {
        server.forceShutdown();
        // Those without HTTP/2 yet, of which grpc-js knows nothing.
        for (const socket of sockets) socket.destroy();
      }, graceMs + lastWordsMs);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearTimeout(refuse);
      clearTimeout(force);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function makeServer(
  implementation: UntypedServiceImplementation,
  { limits }: GrpcServerOptions,
  gate: CallGate,
): { readonly server: Server; readonly setHealth: (status: ServingStatus) => void } {
  const server = new Server({
    'grpc.max_receive_message_length': limits.messageBytes,
    'grpc.max_send_message_length': limits.messageBytes,
    'grpc.max_concurrent_streams': limits.concurrentCalls + limits.queuedCalls + otherStreams,
    interceptors: [gate.interceptor((path) => path.startsWith(`/${serviceName}/`))],
  });
  server.addService(extensionService, implementation);
  const setHealth = addHealth(server, ['', serviceName]);
  addReflection(server, serviceName);
  return { server, setHealth };
}
