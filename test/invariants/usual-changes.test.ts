import { expect, it, vi } from 'vitest';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { configSchema } from '../../src/config/schema.ts';
import { examineRoute } from '../../src/invariants/examine-route.ts';
import { isChainSound } from '../../src/invariants/sound-chain.ts';
import { HostCheck } from '../../src/invariants/sound-host.ts';
import { rewriteSnapshot } from '../../src/rewrites/pipeline.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';

vi.mock(import('../../src/invariants/examine-route.ts'), async (original) => {
  const actual = await original();
  return { ...actual, examineRoute: vi.fn(actual.examineRoute) };
});
vi.mock(import('../../src/invariants/sound-chain.ts'), async (original) => {
  const actual = await original();
  return { ...actual, isChainSound: vi.fn(actual.isChainSound) };
});

it('what is usually changed in virtual hosts and filter chains is seen to be sound at a glance', () => {
  const { request, connectors } = makeFleet(40);
  const state = { connectors: new ConnectorView(connectors), backendRefs: noBackendRefs };
  const isSound = vi.spyOn(HostCheck.prototype, 'isSound');
  const { report } = rewriteSnapshot(readSnapshot(request), state, configSchema.parse({}));
  expect(report.changes.length).toBeGreaterThan(40);
  for (const { mock } of [isSound, vi.mocked(isChainSound)]) {
    expect(mock.results.length).toBeGreaterThan(4);
    expect(new Set(mock.results.map(({ value }) => value))).toEqual(new Set([true]));
  }
  expect(vi.mocked(examineRoute)).not.toHaveBeenCalled();
});
