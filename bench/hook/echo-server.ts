// Contender: grpc-js, and nothing else. What it takes is the floor for any server on grpc-js.
import type { handleUnaryCall } from '@grpc/grpc-js';
import { asIs, hookPath } from './raw-service.ts';
import { serveUnary } from './serve-unary.ts';

const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => callback(null, request);
const method = {
  path: hookPath,
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const;
await serveUnary(process.argv[2] ?? '', { PostTranslateModify: method }, echo);
