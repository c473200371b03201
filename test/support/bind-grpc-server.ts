import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** Has a server of a test listen, in plain text; answers its port. */
export function bindGrpcServer(server: Server, address = '127.0.0.1:0'): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
