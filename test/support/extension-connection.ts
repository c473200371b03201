import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { KeyPair } from './authority.ts';

/** A connection to the extension service that is kept, as Envoy Gateway keeps its own. */
export interface ExtensionConnection {
  /** Rejects with gRPC's error. */
  call(
    rpc: string,
    request: Uint8Array,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Buffer>;
  readonly close: () => void;
}

/** The name that the certificates of test servers are for. */
export const serverName = 'offramp.test';

/** What a client shows a server of that CA; without a pair, nothing. */
export function tlsCredentials(serverCA: string, pair?: KeyPair): ChannelCredentials {
  const key = pair && Buffer.from(pair.key);
  const cert = pair && Buffer.from(pair.cert);
  return credentials.createSsl(Buffer.from(serverCA), key ?? null, cert ?? null);
}

/** Connects to the extension service, in plain text unless told otherwise; messages are raw bytes. */
export function connectExtension(
  address: string,
  shown: ChannelCredentials = credentials.createInsecure(),
): ExtensionConnection {
  const client = new Client(address, shown, {
    'grpc.ssl_target_name_override': serverName,
    // A request of megabytes is not held up every 64 KiB; Envoy Gateway's library widens its own.
    'grpc-node.flow_control_window': 2 ** 20,
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // A connection of its own: grpc-js would share one between clients of one address.
    'grpc.use_local_subchannel_pool': 1,
  });
  const asIs = (bytes: Buffer) => bytes;
  return {
    call: (rpc, request, headers = {}) =>
      new Promise((resolve, reject) => {
        const path = `/envoygateway.extension.EnvoyGatewayExtension/${rpc}`;
        const answered = (error: ServiceError | null, response?: Buffer) => {
          if (error === null) resolve(response ?? Buffer.alloc(0));
          else reject(error);
        };
        const metadata = new Metadata();
        for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
        client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), metadata, answered);
      }),
    close: () => client.close(),
  };
}
