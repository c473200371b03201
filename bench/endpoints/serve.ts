// Offramp's server over TCP and over a unix socket, with the state of a fleet: the other side of the
// benchmarks. Ends when the benchmark disconnects.
import { join } from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { endpointSources } from '../../src/rewrites/pipeline.ts';
import { implementExtension } from '../../src/server/extension-service.ts';
import { startGrpcServer } from '../../src/server/grpc-server.ts';
import { Hook } from '../../src/server/hook.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { BackendRefView } from '../../src/state/kubernetes/backend-refs/backend-ref-view.ts';
import { fillView } from './fleet.ts';

const worldSchema = z.object({
  endpoints: z.enum(endpointSources),
  clusters: z.number(),
  folder: z.string(),
});
const { endpoints, clusters, folder } = worldSchema.parse(JSON.parse(process.argv[2] ?? ''));

const backendRefs = new BackendRefView({ countsEndpoints: endpoints === 'slices' });
fillView(backendRefs, clusters);
const state = { connectors: ConnectorView.empty, backendRefs };
const log = pino({ level: 'silent' });
const metrics = new Metrics('offramp');
const settings = configSchema.parse({ emptyBackends: { endpoints } });
const hook = new Hook({ mode: 'apply', settings, currentState: () => state, metrics, log });
const service = implementExtension(hook, metrics, log);
const protection = { limits: settings.grpc.limits, metrics: metrics.server, log };
const socket = `unix:${join(folder, `${endpoints}-${clusters}.sock`)}`;
const servers = await Promise.all([
  startGrpcServer('127.0.0.1:0', service, protection),
  startGrpcServer(socket, service, protection),
]);
process.once('disconnect', () => {
  void Promise.all(servers.map((server) => server.stop(1_000))).then(() => process.exit());
});
process.send?.({ tcp: servers[0].address, unix: servers[1].address });
