import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

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
