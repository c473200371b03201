import { expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.ts';
import { rewriteSnapshot } from '../../../src/rewrites/pipeline.ts';
import type { BackendRefLookup } from '../../../src/state/backend-refs.ts';
import { ConnectorView } from '../../../src/state/connectors.ts';
import { readSnapshot } from '../../../src/xds/snapshot.ts';
import { encodeRequest } from '../../support/xds.ts';

it('is told by kind, namespace, name and index alone, whatever else the metadata says', () => {
  const shop = { kind: 'HTTPRoute', namespace: 'default', name: 'shop', sectionName: 'checkout' };
  const entry = { name: 'httproute/default/shop/rule/0/backend/0', weight: { value: 1 } };
  const route = {
    name: 'httproute/default/shop/rule/0/match/0/example_com',
    match: { prefix: '/' },
    route: { weighted_clusters: { clusters: [entry] } },
    metadata: { filter_metadata: { 'envoy-gateway': { resources: [shop] } } },
  };
  const virtual_hosts = [{ name: 'host', domains: ['*'], routes: [route] }];
  const snapshot = readSnapshot(encodeRequest({ routes: [{ name: 'http', virtual_hosts }] }));
  const backendRefs: BackendRefLookup = { forRule: () => undefined };
  const state = { connectors: ConnectorView.empty, backendRefs };
  const { splits } = rewriteSnapshot(snapshot, state, configSchema.parse({}));
  expect(splits.map(({ rule }) => rule)).toEqual([
    { kind: 'httproute', namespace: 'default', name: 'shop', rule: 0 },
  ]);
});
