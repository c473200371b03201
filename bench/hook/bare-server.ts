// Contender: the least that a server in JavaScript has to do for the connectors’ answers; nothing is checked.
import { readFileSync } from 'node:fs';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { copiedOnce } from '../../src/server/copied-once.ts';
import type { EncodedMessage } from '../../src/xds/snapshot.ts';
import { BareRewrite } from './bare/rewrite.ts';
import { rawService } from './raw-service.ts';
import { serveUnary } from './serve-unary.ts';

const [address = '', state = ''] = process.argv.slice(2);
const bare = new BareRewrite(JSON.parse(readFileSync(state, 'utf8')));
const rewrite: handleUnaryCall<Buffer, EncodedMessage> = ({ request }, callback) =>
  callback(null, bare.answer(request));

await serveUnary(address, rawService(copiedOnce), rewrite);
