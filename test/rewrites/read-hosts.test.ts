import { expect, it } from 'vitest';
import { readHosts } from '../../src/rewrites/offline-connectors/read-hosts.ts';
import { UsualRoutes } from '../../src/rewrites/offline-connectors/usual-routes.ts';
import { everyRoute } from '../../src/rewrites/route-selection.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { indexClusters } from '../../src/xds/cluster-index.ts';
import { concatenate, encodeField } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { encodeXds } from '../support/xds.ts';

const { RouteConfiguration, VirtualHost } = fields;

it('says where a route that cannot be read is, from the begin of its route configuration', () => {
  const forward = { name: 'r', match: { prefix: '/' }, route: { cluster: 'c' } };
  const sound = encodeField(VirtualHost.routes, encodeXds('envoy.config.route.v3.Route', forward));
  const cutOff = Uint8Array.of(0x0a, 0x7f);
  const broken = encodeField(VirtualHost.routes, cutOff);
  const configuration = concatenate([
    encodeField(RouteConfiguration.virtual_hosts, sound),
    encodeField(RouteConfiguration.virtual_hosts, concatenate([sound, sound, broken])),
  ]);
  const clusters = indexClusters(readSnapshot(new Uint8Array()));
  const asked = { view: new ConnectorView([]), clusters };
  const usual = new UsualRoutes(asked);
  expect(() => readHosts(configuration, everyRoute, { asked, usual })).toThrow(
    expect.objectContaining({
      offset: configuration.length - cutOff.length,
      path: 'virtual_hosts[1].routes[2]',
    }),
  );
});
