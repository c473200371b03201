import { mayHaveStamps } from '../policy/find-stamps.ts';
import { readClusterNames } from '../xds/cluster.ts';
import { fields } from '../xds/fields.ts';
import { mapResources, type Snapshot } from '../xds/snapshot.ts';
import { mapFields } from '../xds/wire.ts';
import {
  addFallbackFilters,
  surveyConnectionManagers,
} from './control-plane-fallback/connection-managers.ts';
import {
  forEachHost,
  indexForwardingRoutes,
  type Surroundings,
} from './control-plane-fallback/control-plane-index.ts';
import { OptIns } from './control-plane-fallback/find-vm-routes.ts';
import { reportInlineRoutes } from './control-plane-fallback/inline-routes.ts';
import { controlPlaneCluster } from './control-plane-fallback/messages.ts';
import {
  type FallbackContext,
  type Needs,
  rewriteVirtualHost,
} from './control-plane-fallback/rewrite-virtual-host.ts';
import type { ControlPlane, VmRouteName } from './control-plane-fallback/settings.ts';
import { confirmInClusters, VmClusters } from './control-plane-fallback/vm-clusters.ts';
import { readGatewayPolicies } from './empty-backends/mode.ts';
import type { Rewrite } from './pipeline.ts';
import { emptyReport } from './report.ts';
import { ReportBuilder } from './report-builder.ts';

const { RouteConfiguration } = fields;

/**
 * A GET to a VM that turns out to be gone is replayed to the control plane, inside Envoy. Comes last:
 * what the other rewrites answered is not a VM’s any more, and the clones are made of what they left.
 */
export const rewriteControlPlaneFallback: Rewrite = (snapshot, _state, settings) => {
  const { controlPlaneFallback: options } = settings;
  if (!mayBeOptedIn(snapshot, options.routes)) return { snapshot, report: emptyReport };
  const report = new ReportBuilder('control-plane-fallback');
  const optIns = new OptIns(options, readGatewayPolicies(snapshot, report), report);
  const context: FallbackContext = {
    optIns,
    surveyed: {
      forwarding: indexForwardingRoutes(snapshot, report),
      served: surveyConnectionManagers(snapshot, report),
    },
    clusters: new VmClusters(snapshot),
    report,
  };
  const needs: Needs = { vmClusters: new Set(), controlPlanes: new Map() };
  const changed = new Set<string>();
  const routed = mapResources(snapshot, 'routes', {
    rewrite: (routeConfiguration, index) => {
      const own: Needs = { vmClusters: new Set(), controlPlanes: new Map() };
      const rewritten = report.allOrNothing(() =>
        rewriteHosts(routeConfiguration, index, context, own),
      );
      if (own.vmClusters.size === 0) return routeConfiguration;
      for (const cluster of own.vmClusters) needs.vmClusters.add(cluster);
      for (const [name, one] of own.controlPlanes) needs.controlPlanes.set(name, one);
      forEachHost(routeConfiguration, index, (_host, at) => changed.add(at.routeConfiguration));
      return rewritten;
    },
    unreadable: report.unreadable,
  });
  reportInlineRoutes(snapshot, optIns, report);
  reportMissing(optIns, report);
  const filtered = addFallbackFilters(routed, changed, report);
  const confirmed = confirmInClusters(filtered, needs.vmClusters, report);
  const whole = addControlPlanes(confirmed, needs.controlPlanes, report);
  return { snapshot: whole, report: report.finish([]) };
};

function rewriteHosts(
  routeConfiguration: Uint8Array,
  index: number,
  context: FallbackContext,
  needs: Needs,
): Uint8Array {
  const places: Surroundings[] = [];
  forEachHost(routeConfiguration, index, (_host, at) => places.push(at));
  return mapFields(routeConfiguration, RouteConfiguration.virtual_hosts, (virtualHost, at) => {
    const place = places[at];
    return place === undefined
      ? virtualHost
      : rewriteVirtualHost(virtualHost, place, context, needs);
  });
}

/** Whether somebody may have opted a route of the snapshot in: cheap, and wrong only in one way. */
function mayBeOptedIn(snapshot: Snapshot, routes: readonly VmRouteName[]): boolean {
  return (
    routes.length > 0 ||
    snapshot.contexts.some((context) => Buffer.from(context).includes('controlPlaneFallback')) ||
    mayHaveStamps(snapshot)
  );
}

/** A whole route may be in the snapshot of another Gateway; all rules of a route are in the same ones. */
function reportMissing({ unseen }: OptIns, report: ReportBuilder): void {
  for (const { route, hasOtherRules } of unseen) {
    const { namespace, name, rule } = route;
    const object = `HTTPRoute ${namespace}/${name}`;
    const what = rule === undefined ? object : `rule ${rule} of ${object}`;
    const place = { kind: 'routes', resource: `${namespace}/${name}` } as const;
    if (hasOtherRules) {
      const detail = `the snapshot has rules of ${object}, but not rule ${rule}, which is opted in`;
      report.skipped('fallback-rule-missing', place, detail);
    } else {
      const detail = `the snapshot has no route of ${what}, which is opted in`;
      report.skipped('fallback-route-missing', place, detail);
    }
  }
}

/** The clusters of control planes that are given by their address, behind all others. */
function addControlPlanes(
  snapshot: Snapshot,
  controlPlanes: ReadonlyMap<string, ControlPlane>,
  report: ReportBuilder,
): Snapshot {
  if (controlPlanes.size === 0) return snapshot;
  const present = readClusterNames(snapshot);
  const added = [...controlPlanes].filter(([name]) => !present.has(name));
  for (const [name, { host, port }] of added) {
    const place = { kind: 'clusters', resource: name } as const;
    report.changed('control-plane-added', place, [], `the control plane at ${host}:${port}`);
  }
  const clusters = added.map(([name, controlPlane]) => controlPlaneCluster(name, controlPlane));
  return { ...snapshot, resources: snapshot.resources.plus('clusters', clusters) };
}
