import { mayHaveStamps, stampFinder } from '../policy/find-stamps.ts';
import type { EmptyBackendsMode } from '../policy/offramp-policy.ts';
import { noAssignments } from '../state/assignments.ts';
import { noBackendRefs } from '../state/backend-refs.ts';
import { indexClusters } from '../xds/cluster-index.ts';
import { fields } from '../xds/fields.ts';
import { mapResourcesInSteps } from '../xds/snapshot.ts';
import { mapFields, stringOf } from '../xds/wire.ts';
import {
  type DecidedMode,
  modeOfRoute,
  modeOfVirtualHost,
  readGatewayPolicies,
} from './empty-backends/mode.ts';
import { rewriteSplit } from './empty-backends/rewrite-split.ts';
import { everyRouteOfEach, findSplits, findThinSplits } from './empty-backends/splits-to-read.ts';
import type { SteppedRewrite } from './pipeline.ts';
import { ReportBuilder } from './report-builder.ts';
import { everyRoute } from './route-selection.ts';

const { RouteConfiguration, VirtualHost } = fields;

/**
 * BackendRefs without an endpoint that takes requests leave their weighted split; the others have
 * all of the requests, in their relative weights. Invalid backendRefs keep their share of 500s.
 * The nearest policy decides whether: of the rule, route, listener, Gateway, else the configuration.
 */
export const rewriteEmptyBackends: SteppedRewrite = function* (snapshot, state, settings) {
  const report = new ReportBuilder('empty-backends');
  const policies = readGatewayPolicies(snapshot, report);
  const { backendRefs } = state;
  const { mode, endpoints } = settings.emptyBackends;
  const assignments = endpoints === 'hook' ? (state.assignments ?? noAssignments) : undefined;
  const isPassed = (its: EmptyBackendsMode) => its === 'Keep' && !settings.everySplit;
  if (isPassed(mode) && policies.length === 0 && !mayHaveStamps(snapshot)) {
    return { snapshot, report: report.finish([]) };
  }
  const byConfiguration: DecidedMode = {
    mode,
    level: 'configuration',
    overruled: [],
    outranked: [],
  };
  const clusters = indexClusters(snapshot);
  const knowsMore = assignments !== undefined || backendRefs !== noBackendRefs;
  const splitsToRead =
    settings.everySplit === true || policies.length > 0
      ? everyRouteOfEach
      : yield* knowsMore ? findSplits(snapshot) : findThinSplits(snapshot, clusters);
  const hasStamp = stampFinder(snapshot);
  const rewritten = yield* mapResourcesInSteps(
    snapshot,
    'routes',
    (routeConfiguration, index) => {
      const hasStamps = hasStamp(routeConfiguration);
      const toRead = hasStamps ? everyRoute : splitsToRead(index);
      if (toRead === undefined) return routeConfiguration;
      const resource = stringOf(routeConfiguration, RouteConfiguration.name);
      return report.allOrNothing(() =>
        mapFields(routeConfiguration, RouteConfiguration.virtual_hosts, (virtualHost, host) => {
          snapshot.checkpoint?.(virtualHost.length);
          if (!toRead.hasHost(host)) return virtualHost;
          const name = stringOf(virtualHost, VirtualHost.name);
          const place = { kind: 'routes', resource, virtualHost: name } as const;
          const outer = { report, decided: byConfiguration };
          const ofHost = modeOfVirtualHost(virtualHost, policies, outer);
          const context = { clusters, backendRefs, assignments, report, place };
          return mapFields(virtualHost, VirtualHost.routes, (route, at) => {
            if (!toRead.hasRoute(host, at)) return route;
            const decided = hasStamps
              ? modeOfRoute(route, { report, place, decided: ofHost })
              : ofHost;
            return isPassed(decided.mode) ? route : rewriteSplit(route, context, decided);
          });
        }),
      );
    },
    report.unreadable,
  );
  return { snapshot: rewritten, report: report.finish([]), splits: report.splits };
};
