import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  type handleUnaryCall,
  Server,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { bindGrpcServer } from '../../support/bind-grpc-server.ts';
import { recommendedExtensionManager } from './extension-manager.ts';
import { retagAsResponse } from './retag-envelope.ts';
import { waitFor } from './wait-for.ts';

/** A running extension server that records each PostTranslateModify call. */
export interface RecordingHook {
  /** The recommended settings with this server's address. */
  readonly extensionManager: Readonly<Record<string, unknown>>;
  /** The raw PostTranslateModifyRequests so far, in their order. */
  requests(): readonly Buffer[];
  /** Waits (30 s at most) until at least `count` calls have come. */
  waitForRequests(count: number): Promise<readonly Buffer[]>;
  stop(): Promise<void>;
}

/** How the recording server is reached, and what it answers. */
export interface RecordingHookOptions {
  readonly transport?: 'tcp' | 'unix';
  /** Makes the response's bytes of the request's; by default the same lists come back unchanged. */
  readonly answer?: (request: Buffer) => Buffer;
  /** Never answers; Envoy Gateway then waits for ever and publishes nothing. */
  readonly hang?: boolean;
}

const identity = (bytes: Buffer): Buffer => bytes;

/** The one method of `envoygateway.extension.EnvoyGatewayExtension` that is recorded, as raw bytes. */
const SERVICE = {
  postTranslateModify: {
    path: '/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} satisfies ServiceDefinition;

const WAIT_MS = 30_000;

/** Starts an extension server that changes nothing: the baseline that rewrites are compared with. */
export async function startRecordingHook(
  options: RecordingHookOptions = {},
): Promise<RecordingHook> {
  const requests: Buffer[] = [];
  const answer = options.answer ?? retagAsResponse;
  const postTranslateModify: handleUnaryCall<Buffer, Buffer> = (call, respond) => {
    requests.push(call.request);
    if (options.hang !== true) respond(null, answer(call.request));
  };
  const server = new Server({
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  server.addService(SERVICE, { postTranslateModify } satisfies UntypedServiceImplementation);

  if (options.transport === 'unix') {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'offramp-hook-'));
    const unixSocket = path.join(folder, 'hook.sock');
    await bindGrpcServer(server, `unix:${unixSocket}`);
    return describe(requests, recommendedExtensionManager({ unixSocket }), async () => {
      server.forceShutdown();
      await rm(folder, { recursive: true, force: true });
    });
  }
  const host = '127.0.0.1';
  const port = await bindGrpcServer(server, `${host}:0`);
  return describe(requests, recommendedExtensionManager({ host, port }), async () => {
    server.forceShutdown();
  });
}

function describe(
  requests: readonly Buffer[],
  extensionManager: Readonly<Record<string, unknown>>,
  stop: () => Promise<void>,
): RecordingHook {
  return {
    extensionManager,
    requests: () => [...requests],
    waitForRequests: (count) =>
      waitFor(`hook call number ${count}`, () => requests.length >= count && [...requests], {
        timeoutMs: WAIT_MS,
      }),
    stop,
  };
}
