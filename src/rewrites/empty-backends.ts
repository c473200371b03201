import { mayHaveStamps, stampFinder } from '../policy/find-stamps.ts';
import type { EmptyBackendsMode, OfframpPolicy } from '../policy/offramp-policy.ts';
import { noAssignments } from '../state/assignments.ts';
import { noBackendRefs } from '../state/backend-refs.ts';
import { indexClusters } from '../xds/cluster-index.ts';
import { fields } from '../xds/fields.ts';
import { type Budget, mapResourcesInSteps } from '../xds/snapshot.ts';
import { mapFields, stringOf } from '../xds/wire.ts';
import {
  type DecidedMode,
  modeOfRoute,
  modeOfVirtualHost,
  readGatewayPolicies,
} from './empty-backends/mode.ts';
import { rewriteSplit, type SplitContext } from './empty-backends/rewrite-split.ts';
import { findSplits, findThinSplits } from './empty-backends/splits-to-read.ts';
import type { SteppedRewrite } from './pipeline.ts';
import { ReportBuilder } from './report-builder.ts';
import {
  everyRoute,
  everyRouteOfEach,
  type RoutesOfEach,
  type RoutesToRead,
} from './route-selection.ts';

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
  const tellsEverySplit = settings.everySplit === true;
  if (isPassed(mode, tellsEverySplit) && policies.length === 0 && !mayHaveStamps(snapshot)) {
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
    tellsEverySplit || policies.length > 0
      ? everyRouteOfEach(snapshot)
      : yield* knowsMore ? findSplits(snapshot) : findThinSplits(snapshot, clusters);
  const rewriting: Rewriting = {
    ...{ clusters, backendRefs, assignments, report, policies, splitsToRead },
    budget: snapshot.budget,
    hasStamp: stampFinder(snapshot),
    decided: byConfiguration,
    tellsEverySplit,
  };
  const { unreadable } = report;
  const rewrite = { rewrite: rewriteConfiguration, unreadable };
  const rewritten = yield* mapResourcesInSteps(snapshot, 'routes', rewrite, rewriting);
  return { snapshot: rewritten, report: report.finish([]), splits: report.splits };
};

/** What holds for all route configurations of a snapshot. */
interface Rewriting extends Omit<SplitContext, 'place'> {
  readonly policies: readonly OfframpPolicy[];
  readonly splitsToRead: RoutesOfEach;
  readonly budget: Budget | undefined;
  readonly hasStamp: (routeConfiguration: Uint8Array) => boolean;
  /** By the configuration. */
  readonly decided: DecidedMode;
  readonly tellsEverySplit: boolean;
}

/** A route configuration with splits to read. */
interface OpenConfiguration {
  readonly its: Rewriting;
  readonly encoded: Uint8Array;
  readonly name: string;
  readonly toRead: RoutesToRead;
  readonly hasStamps: boolean;
}

/** A virtual host with splits to read. */
interface OpenHost {
  readonly of: OpenConfiguration;
  /** Its place in the route configuration. */
  readonly host: number;
  readonly decided: DecidedMode;
  readonly context: SplitContext;
}

function rewriteConfiguration(encoded: Uint8Array, index: number, its: Rewriting): Uint8Array {
  const hasStamps = its.hasStamp(encoded);
  const toRead = hasStamps ? everyRoute : its.splitsToRead[index];
  if (toRead === undefined) return encoded;
  const name = stringOf(encoded, RouteConfiguration.name);
  return its.report.allOrNothing(rewriteHosts, { its, encoded, name, toRead, hasStamps });
}

function rewriteHosts(open: OpenConfiguration): Uint8Array {
  return mapFields(open.encoded, RouteConfiguration.virtual_hosts, rewriteHost, open);
}

function rewriteHost(virtualHost: Uint8Array, host: number, of: OpenConfiguration): Uint8Array {
  const { policies, budget, clusters, backendRefs, assignments, report } = of.its;
  budget?.spend(virtualHost.length);
  if (!of.toRead.hasHost(host)) return virtualHost;
  const name = stringOf(virtualHost, VirtualHost.name);
  const place = { kind: 'routes', resource: of.name, virtualHost: name } as const;
  return mapFields(virtualHost, VirtualHost.routes, rewriteRoute, {
    of,
    host,
    decided: modeOfVirtualHost(virtualHost, policies, of.its),
    context: { clusters, backendRefs, assignments, report, place },
  });
}

function rewriteRoute(route: Uint8Array, at: number, open: OpenHost): Uint8Array {
  const { of, context } = open;
  if (!of.toRead.hasRoute(open.host, at)) return route;
  const { report, place } = context;
  const decided = of.hasStamps
    ? modeOfRoute(route, { report, place, decided: open.decided })
    : open.decided;
  return isPassed(decided.mode, of.its.tellsEverySplit)
    ? route
    : rewriteSplit(route, context, decided);
}

/** Whether routes with this mode are left as they are without being read. */
function isPassed(mode: EmptyBackendsMode, tellsEverySplit: boolean): boolean {
  return mode === 'Keep' && !tellsEverySplit;
}
