import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, vi } from 'vitest';
import { connectRoute, tunnelCluster } from '../../src/rewrites/offline-connectors/messages.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

it('keeps with a connector where its tunnel ends, and nothing else of the call that asked', async () => {
  const tunnels = Array.from({ length: 200 }, (_, port) => ({
    host: 'localhost',
    port,
    endpointId: 'e',
  }));
  const answerCall = (tunnel: (typeof tunnels)[number]) => {
    for (let others = 0; others < 100; others++)
      connectRoute('x'.repeat(600), { cluster: 'c' }, []);
    tunnelCluster({ name: 'c', tunnel, internalListener: 'l', http2: false });
  };
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (const tunnel of tunnels) answerCall(tunnel);
  collect();
  // V8 frees buffers beside what goes on, behind a collection.
  const kept = () => process.memoryUsage().arrayBuffers - before;
  await vi.waitFor(() => expect(kept()).toBeLessThan(2_000_000), 10_000);
  expect(tunnels).toHaveLength(200);
});
