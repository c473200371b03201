import { mkdirSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { OfframpError, reasonOf } from '../errors.ts';
import { extensionService, serviceName } from './extension-service.ts';
import { widenWindows } from './http2-windows.ts';
import { maxMessageBytes } from './message-limit.ts';
import { addHealth, addReflection } from './standard-services.ts';

/** The running gRPC server. */
export interface GrpcServer {
  /** Where it listens: host:port with the real port, or unix:path. */
  readonly address: string;
  /** What gRPC health says of the server and of the extension service. */
  setServing(serving: boolean): void;
  /** Takes no new calls, lets running ones finish; ends them after `graceMs` milliseconds. */
  stop(graceMs: number): Promise<void>;
}

/** Serves the extension service, health and reflection. Throws OfframpError: address-unusable. */
export async function startGrpcServer(
  address: string,
  implementation: UntypedServiceImplementation,
): Promise<GrpcServer> {
  // Its own lines on stderr are no JSON; what went wrong is in the errors we report.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
  });
  widenWindows(server);
  server.addService(extensionService, implementation);
  const setHealth = addHealth(server, ['', serviceName]);
  addReflection(server, serviceName);
  const unixPath = /^unix:(?:\/\/)?(.+)$/.exec(address)?.[1];
  if (unixPath !== undefined) await makeRoomForSocket(unixPath);
  const port = await bind(server, address);
  return {
    address: unixPath === undefined ? address.replace(/:\d+$/, `:${port}`) : address,
    setServing(serving) {
      setHealth(serving ? 'SERVING' : 'NOT_SERVING');
    },
    async stop(graceMs) {
      const force = setTimeout(() => server.forceShutdown(), graceMs);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearTimeout(force);
      if (unixPath !== undefined) rmSync(unixPath, { force: true });
    },
  };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(unusable(address, error.message));
    });
  });
}

/** Makes the socket's folder, and removes a socket that a process left which is no more. */
async function makeRoomForSocket(path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw unusable(`unix:${path}`, reasonOf(error));
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw unusable(`unix:${path}`, 'there is a file that is no socket');
  }
  if (await someoneListens(path)) {
    throw unusable(`unix:${path}`, 'another process listens there');
  }
  rmSync(path, { force: true });
}

function unusable(address: string, reason: string): OfframpError {
  return new OfframpError('address-unusable', [`grpc.address ${address}: ${reason}`]);
}

function someoneListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
