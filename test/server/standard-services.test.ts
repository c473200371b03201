import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath } from 'grpc-health-check';
import { describe, expect, it } from 'vitest';
import { serviceName } from '../../src/server/extension-service.ts';
import { healthMethods, reflectionMethods } from '../../src/server/standard-services.ts';
import { startTestServer } from '../support/running-server.ts';

const asIs = (bytes: Buffer): Buffer => bytes;

describe('services of libraries that load late', () => {
  it('serve every method that the libraries have', () => {
    const served: string[] = [];
    const collect = {
      addService: (service: ServiceDefinition) =>
        void served.push(...Object.values(service).map(({ path }) => path)),
    };
    new HealthImplementation().addToServer(collect);
    new ReflectionService(loadSync(protoPath)).addToServer(collect);
    const late = [...healthMethods, ...reflectionMethods].map(({ path }) => path);
    expect(late.sort()).toEqual(served.sort());
  });

  it('list the extension service to a client of reflection', async () => {
    const { grpcAddress } = await startTestServer(undefined);
    for (const { path } of reflectionMethods) {
      expect(String(await listServices(grpcAddress, path))).toContain(serviceName);
    }
  });

  it('tell a client that watches its health when that changes', async () => {
    const server = await startTestServer(undefined);
    const client = new Client(server.grpcAddress, credentials.createInsecure());
    const path = '/grpc.health.v1.Health/Watch';
    const call = client.makeServerStreamRequest(path, asIs, asIs, Buffer.alloc(0));
    const statuses: number[] = [];
    const ended = new Promise<void>((resolve) => {
      call.on('error', () => resolve());
      call.on('end', () => resolve());
    });
    const first = new Promise<void>((resolve) => {
      call.on('data', (answer: Buffer) => {
        statuses.push(answer[1] ?? 0);
        if (statuses.length === 1) resolve();
        else call.cancel();
      });
    });
    await first;
    const stopped = server.stop();
    await ended;
    client.close();
    await stopped;
    const [serving, notServing] = [1, 2];
    expect(statuses).toEqual([serving, notServing]);
  });
});

function listServices(address: string, path: string): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(path, asIs, asIs);
  return new Promise<Buffer>((resolve, reject) => {
    call.on('data', resolve);
    call.on('error', reject);
    call.write(Buffer.from([0x3a, 0])); // list_services: ''
    call.end();
  }).finally(() => client.close());
}
