import { expect, it } from 'vitest';
import { addFallbackFilters } from '../../../src/rewrites/control-plane-fallback/connection-managers.ts';
import { filterNames } from '../../../src/rewrites/control-plane-fallback/messages.ts';
import { ReportBuilder } from '../../../src/rewrites/report-builder.ts';
import { readSnapshot } from '../../../src/xds/snapshot.ts';
import { decodeSnapshot, encodeRequest } from '../../support/xds.ts';

const manager = {
  name: 'manager',
  typed_config: {
    '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    rds: { route_config_name: 'routes' },
  },
};

it('marks a connection once, also in front of two connection managers', () => {
  const filters = [manager, manager];
  const listener = { name: 'l', filter_chains: [{ filters }] };
  const snapshot = readSnapshot(encodeRequest({ listeners: [listener] }));
  const report = new ReportBuilder('control-plane-fallback');
  const text = JSON.stringify(
    decodeSnapshot(addFallbackFilters(snapshot, new Set(['routes']), report)).listeners,
  );
  expect(text.split(`"name":"${filterNames.listener}"`)).toHaveLength(2);
});
