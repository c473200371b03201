import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { decodeXds, encodeXds } from '../../support/xds.ts';

/** A running gRPC service that Envoy asks whether a request may pass. */
export interface AuthorizationService {
  readonly port: number;
  /** The paths of the requests that it was asked about since the last call. */
  takePaths(): string[];
  stop(): void;
}

const identity = (bytes: Buffer): Buffer => bytes;
const service = {
  check: {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} satisfies ServiceDefinition;
const permissionDenied = 7;

/** Starts a service that lets requests with this `Authorization` header pass, and no others. */
export async function startAuthorizationService(
  authorization: string,
): Promise<AuthorizationService> {
  const paths: string[] = [];
  const check: handleUnaryCall<Buffer, Buffer> = (call, respond) => {
    const asked = decodeXds('envoy.service.auth.v3.CheckRequest', call.request);
    const text = JSON.stringify(asked);
    const isAllowed = text.includes(`"authorization":"${authorization}"`);
    paths.push(/"path":"([^"]*)"/.exec(text)?.[1] ?? '');
    const status = { code: isAllowed ? 0 : permissionDenied };
    respond(null, Buffer.from(encodeXds('envoy.service.auth.v3.CheckResponse', { status })));
  };
  const server = new Server();
  server.addService(service, { check });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, takePaths: () => paths.splice(0), stop: () => server.forceShutdown() };
}
