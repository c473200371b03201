import { fields } from '../xds/fields.ts';
import { mapResources, type Snapshot } from '../xds/snapshot.ts';
import { hasText } from '../xds/text.ts';
import { mapFields } from '../xds/wire.ts';
import { policyGroup } from './offramp-policy.ts';
import { unstampRoute } from './route-stamp.ts';

const { RouteConfiguration, VirtualHost } = fields;

/**
 * The snapshot as it would have come if PostRouteModify had stamped nothing: what has no stamp keeps
 * its bytes, and what cannot be read is as it came.
 */
export function unstampSnapshot(snapshot: Snapshot): Snapshot {
  return mapResources(snapshot, 'routes', {
    rewrite: (routeConfiguration) =>
      hasText(routeConfiguration, policyGroup)
        ? mapFields(routeConfiguration, RouteConfiguration.virtual_hosts, (virtualHost) =>
            mapFields(virtualHost, VirtualHost.routes, unstampRoute),
          )
        : routeConfiguration,
    // The rewrites have reported it.
    unreadable: () => undefined,
  });
}
