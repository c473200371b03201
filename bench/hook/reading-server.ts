// Contender: what reading costs. It splits the snapshot into its resources, looks at every route once, as
// thoroughly as Offramp does, decides nothing, and answers with the resources as they came.
import type { handleUnaryCall } from '@grpc/grpc-js';
import { copiedOnce } from '../../src/server/copied-once.ts';
import { scanRoutes } from '../../src/xds/route-scan.ts';
import { type EncodedMessage, prepareResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { rawService } from './raw-service.ts';
import { serveUnary } from './serve-unary.ts';

const read: handleUnaryCall<Buffer, EncodedMessage> = ({ request }, callback) => {
  const snapshot = readSnapshot(request);
  for (const value of snapshot.resources.lists.routes) {
    if (scanRoutes(snapshot, value) === undefined) {
      throw new Error('a route configuration of the benchmark cannot be read');
    }
  }
  callback(null, prepareResponse(snapshot));
};

await serveUnary(process.argv[2] ?? '', rawService(copiedOnce), read);
