import { Client, credentials, type ServiceError } from '@grpc/grpc-js';

/** A connection to the extension service that is kept, as Envoy Gateway keeps its own. */
export interface ExtensionConnection {
  /** Rejects with gRPC's error. */
  call(rpc: string, request: Uint8Array): Promise<Buffer>;
  readonly close: () => void;
}

/** Connects to the extension service; messages are raw bytes. */
export function connectExtension(address: string): ExtensionConnection {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // A connection of its own: grpc-js would share one between clients of one address.
    'grpc.use_local_subchannel_pool': 1,
  });
  const asIs = (bytes: Buffer) => bytes;
  return {
    call: (rpc, request) =>
      new Promise((resolve, reject) => {
        const path = `/envoygateway.extension.EnvoyGatewayExtension/${rpc}`;
        const answered = (error: ServiceError | null, response?: Buffer) => {
          if (error === null) resolve(response ?? Buffer.alloc(0));
          else reject(error);
        };
        client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), answered);
      }),
    close: () => client.close(),
  };
}
