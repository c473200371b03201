import { mapConnectionManagers } from '../../xds/connection-manager.ts';
import { fields } from '../../xds/fields.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { forEachField, stringOf } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import type { OptIns } from './find-vm-routes.ts';

const { HttpConnectionManager, Listener, RouteConfiguration, VirtualHost } = fields;

/**
 * Reports opted-in routes that a listener has inline. Envoy Gateway serves every HTTPRoute by RDS, so only
 * somebody else can have put them there; a change of theirs would drain the listener each time.
 */
export function reportInlineRoutes(
  snapshot: Snapshot,
  optIns: OptIns,
  report: ReportBuilder,
): void {
  mapResources(snapshot, 'listeners', {
    rewrite: (listener) => {
      const resource = stringOf(listener, Listener.name);
      return mapConnectionManagers(listener, (manager) => {
        forEachField(manager, HttpConnectionManager.route_config, (routes) =>
          reportRoutes(routes, resource, optIns, report),
        );
        return manager;
      });
    },
    unreadable: () => {}, // already reported by surveyConnectionManagers
  });
}

function reportRoutes(
  routeConfiguration: Uint8Array,
  listener: string,
  optIns: OptIns,
  report: ReportBuilder,
): void {
  forEachField(routeConfiguration, RouteConfiguration.virtual_hosts, (virtualHost) => {
    const host = optIns.ofVirtualHost(virtualHost);
    const name = stringOf(virtualHost, VirtualHost.name);
    const place = { kind: 'listeners', resource: listener, virtualHost: name } as const;
    forEachField(virtualHost, VirtualHost.routes, (route) => {
      const vm = optIns.find(route, host, place);
      if (vm === undefined) return;
      const detail = 'its listener has its routes inline, where the fallback is not added';
      report.skipped('inline-routes', { ...place, route: vm.name }, detail);
    });
  });
}
