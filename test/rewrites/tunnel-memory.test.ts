import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { tunnelCluster } from '../../src/rewrites/offline-connectors/messages.ts';
import { encodeString } from '../../src/xds/encoding.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

it('keeps with a connector where its tunnel ends, and nothing else of the call that asked', () => {
  const tunnels = Array.from({ length: 200 }, (_, port) => ({
    host: 'localhost',
    port,
    endpointId: 'e',
  }));
  const answerCall = (tunnel: (typeof tunnels)[number]) => {
    for (let kilobytes = 0; kilobytes < 64; kilobytes++) encodeString('x'.repeat(600));
    tunnelCluster({ name: 'c', tunnel, internalListener: 'l', http2: false });
  };
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (const tunnel of tunnels) answerCall(tunnel);
  collect();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
  expect(tunnels).toHaveLength(200);
});
