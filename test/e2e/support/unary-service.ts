import { Server, type ServiceDefinition } from '@grpc/grpc-js';
import { bindGrpcServer } from '../../support/bind-grpc-server.ts';
import { decodeXds, encodeXds } from '../../support/xds.ts';

/** A method of Envoy's APIs, by its path and the full names of its messages. */
interface UnaryMethod {
  readonly path: `/${string}/${string}`;
  readonly request: string;
  readonly response: string;
}

/** A running gRPC service. */
export interface UnaryService {
  readonly port: number;
  stop(): void;
}

/** Starts a service with this one method, for an Envoy to call. Messages are objects, as in their JSON. */
export async function startUnaryService(
  { path, request, response }: UnaryMethod,
  answer: (asked: object) => object,
): Promise<UnaryService> {
  const service = {
    method: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: Buffer.from,
      requestDeserialize: (bytes: Buffer): object => decodeXds(request, bytes),
      responseSerialize: (message: object) => Buffer.from(encodeXds(response, message)),
      responseDeserialize: (bytes: Buffer): object => decodeXds(response, bytes),
    },
  } satisfies ServiceDefinition;
  const server = new Server();
  server.addService(service, {
    method: (call: { readonly request: object }, respond: (error: null, message: object) => void) =>
      respond(null, answer(call.request)),
  });
  const port = await bindGrpcServer(server);
  return { port, stop: () => server.forceShutdown() };
}
