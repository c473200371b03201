// Contender: grpc-js, and nothing else. What it takes is the floor for any server on grpc-js.
import type { handleUnaryCall } from '@grpc/grpc-js';
import { asIs, rawService } from './raw-service.ts';
import { serveUnary } from './serve-unary.ts';

const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => callback(null, request);
await serveUnary(process.argv[2] ?? '', rawService(asIs), echo);
