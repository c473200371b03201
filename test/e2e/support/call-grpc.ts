import { Client, credentials, Metadata } from '@grpc/grpc-js';

/** A unary gRPC call through Envoy; `host` is the authority, which need not resolve. */
export interface GrpcCall {
  readonly port: number;
  readonly host: string;
  readonly method: string;
}

/** Calls with an empty message. Gives the answer's bytes; throws the status that is not OK. */
export function callGrpc({ port, host, method }: GrpcCall): Promise<Buffer | undefined> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.default_authority': host,
  });
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    const empty = Buffer.alloc(0);
    client.makeUnaryRequest(method, asIs, asIs, empty, new Metadata(), (error, answer) => {
      client.close();
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
}
