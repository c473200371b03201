import { createRequire } from 'node:module';
import type { Server } from '@grpc/grpc-js';
import { addLateServices, type LateMethod } from './late-services.ts';
import { protoFolder } from './proto-folder.ts';

/** What gRPC health says of a service. */
export type ServingStatus = 'SERVING' | 'NOT_SERVING';

/** gRPC health; its library also has to parse a .proto, so probes load it, not the start. */
export const healthMethods: readonly LateMethod[] = [
  { path: '/grpc.health.v1.Health/Check', type: 'unary' },
  { path: '/grpc.health.v1.Health/Watch', type: 'serverStream' },
  { path: '/grpc.health.v1.Health/List', type: 'unary' },
];

/** gRPC reflection: for people with grpcurl. */
export const reflectionMethods: readonly LateMethod[] = ['v1', 'v1alpha'].map((version) => ({
  path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
  type: 'bidi',
}));

// Not `import`: a call that is there already cannot wait for one.
const require = createRequire(import.meta.url);

/** Serves gRPC health; the function it returns says what health says of all these services. */
export function addHealth(
  server: Server,
  services: readonly string[],
): (status: ServingStatus) => void {
  const statuses: Record<string, ServingStatus> = {};
  let loaded: import('grpc-health-check').HealthImplementation | undefined;
  const setStatus = (status: ServingStatus) => {
    for (const service of services) {
      statuses[service] = status;
      loaded?.setStatus(service, status);
    }
  };
  setStatus('NOT_SERVING');
  addLateServices(server, healthMethods, (into) => {
    const library: typeof import('grpc-health-check') = require('grpc-health-check');
    loaded = new library.HealthImplementation(statuses);
    loaded.addToServer(into);
  });
  return setStatus;
}

/** Serves gRPC reflection of the extension service. */
export function addReflection(server: Server, service: string): void {
  addLateServices(server, reflectionMethods, (into) => {
    const { loadSync }: typeof import('@grpc/proto-loader') = require('@grpc/proto-loader');
    const { ReflectionService }: typeof import('@grpc/reflection') = require('@grpc/reflection');
    const includeDirs = [protoFolder()];
    const definition = loadSync('envoygateway/extension/service.proto', { includeDirs });
    new ReflectionService(definition, { services: [service] }).addToServer(into);
  });
}
