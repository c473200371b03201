import { expect, it } from 'vitest';
import { summarize } from '../../src/observe/summary.ts';
import type { Change } from '../../src/rewrites/report.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';

const changeIn = (resource: string, virtualHost: string): Change => ({
  rewrite: 'offline-connectors',
  effect: 'route-answered',
  place: { kind: 'routes', resource, virtualHost },
  connectors: [],
  detail: '',
});

it('counts a virtual host once, in whatever order its changes come', () => {
  const places = ['a', 'b', 'a', 'b', 'b'];
  const changes = ['one', 'other'].flatMap((name) => places.map((host) => changeIn(name, host)));
  const summary = summarize(readSnapshot(new Uint8Array()), {
    changes,
    skips: [],
    offlineClusters: [],
  });
  expect(summary.vhosts_connector_applied).toBe(4);
  expect(summary.connector_offline_routes).toBe(changes.length);
});
