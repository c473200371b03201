import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { eachSession } from '../../src/server/http2-sessions.ts';
import { widenWindows } from '../../src/server/http2-windows.ts';
import { channelOptions } from './raw-service.ts';

/** Serves one RPC, and says on standard output when it takes calls. */
export async function serveUnary<Request, Response>(
  address: string,
  service: ServiceDefinition,
  handler: handleUnaryCall<Request, Response>,
): Promise<void> {
  const server = new Server(channelOptions);
  eachSession(server, widenWindows);
  server.addService(service, { PostTranslateModify: handler });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  console.log('listening');
}
