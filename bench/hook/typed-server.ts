// Contender: what a server in Node does that decodes with proto-loader and encodes again, unchanged.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type handleUnaryCall, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { serveUnary } from './serve-unary.ts';

const require = createRequire(import.meta.url);
const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const definition = loadSync(process.argv[3] ?? '', {
  keepCase: true,
  includeDirs: [
    ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name)),
    dirname(require.resolve('protobufjs/package.json')),
  ],
});
loadPackageDefinition(definition);
const service = definition['envoygateway.extension.EnvoyGatewayExtension'];
if (service === undefined || 'format' in service) throw new Error('the proto has no such service');
const same: handleUnaryCall<object, object> = ({ request }, callback) => callback(null, request);
await serveUnary(process.argv[2] ?? '', service, same);
