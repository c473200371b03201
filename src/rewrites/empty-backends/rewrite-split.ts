import type { BackendRefLookup, RuleKey } from '../../state/backend-refs.ts';
import { encodeMessage } from '../../xds/build.ts';
import { hasUsableEndpoint } from '../../xds/cluster.ts';
import { fields } from '../../xds/fields.ts';
import { leftOutCluster, parseClusterName } from '../../xds/names.ts';
import { type Destination, readAction, readRoute, type WeightedEntry } from '../../xds/route.ts';
import { belongsTo, identifyRoute, type RouteIdentity } from '../../xds/route-identity.ts';
import { editFields, encodeField, mapFields, stringOf } from '../../xds/wire.ts';
import { isFallbackRouteName } from '../control-plane-fallback/own-routes.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { decideSplit, type Rebalanced, type SplitEntry } from './decide-split.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight } = fields;

/** Envoy's enum value by which a route to an absent cluster answers 500 (unset: 503). */
const notFoundIsInternalServerError = 2;

/** What holds for the routes of one virtual host. */
export interface SplitContext {
  /** The snapshot's clusters, encoded, by name. */
  readonly clusters: ReadonlyMap<string, Uint8Array>;
  readonly backendRefs: BackendRefLookup;
  readonly report: ReportBuilder;
  /** Place of the virtual host. */
  readonly place: Place;
}

/** Takes empty backendRefs out of a Route's weighted split; the same bytes when there is no cause. */
export function rewriteSplit(route: Uint8Array, context: SplitContext): Uint8Array {
  const { name, action, ambiguous } = readRoute(route);
  if (action === undefined || isFallbackRouteName(name)) return route;
  const { destination } = readAction(action);
  if (destination.kind !== 'weighted') return route;
  const place = { ...context.place, route: name };
  const identity = identifyRoute(route, name);
  const rule = identity && ruleOf(identity);
  const clusterName = (backend: number): string | undefined => {
    const cluster = rule && `${nameOf(rule)}/backend/${backend}`;
    return cluster !== undefined && context.clusters.has(cluster) ? cluster : undefined;
  };
  const decision = decideSplit({
    entries: destination.entries.map((entry) => describeEntry(entry, identity, context)),
    refs: rule && context.backendRefs.forRule(rule),
    clusterOf: clusterName,
  });
  const { report } = context;
  if (decision.kind === 'unresolved') {
    report.skipped(decision.reason, place, decision.detail);
    return route;
  }
  if (decision.kind === 'unchanged') return route;
  const obstacle = findObstacle(destination, ambiguous);
  if (obstacle !== undefined) {
    report.skipped(obstacle.reason, place, obstacle.detail);
    return route;
  }
  const { unresolved } = decision;
  if (unresolved !== undefined) report.skipped(unresolved.reason, place, unresolved.detail);
  for (const detail of decision.details) report.changed('empty-dropped', place, [], detail);
  return applyTo(route, decision);
}

type WeightedDestination = Extract<Destination, { kind: 'weighted' }>;

/** Why nothing can leave a split, although something of it is empty. */
function findObstacle({ fixed, entries }: WeightedDestination, ambiguous: boolean) {
  if (ambiguous) {
    const detail = 'a field that decoders merge occurs twice in the route';
    return { reason: 'ambiguous-encoding', detail } as const;
  }
  if (fixed) {
    return { reason: 'total-weight', detail: 'the split fixes its total_weight' } as const;
  }
  if (entries.some(({ cluster }) => cluster === '')) {
    const detail = 'a request header chooses the cluster of an entry of the split';
    return { reason: 'cluster-header', detail } as const;
  }
  return undefined;
}

function ruleOf({ object, rule }: RouteIdentity): RuleKey | undefined {
  return rule === undefined ? undefined : { ...object, kind: object.kind.toLowerCase(), rule };
}

function nameOf({ kind, namespace, name, rule }: RuleKey): string {
  return `${kind}/${namespace}/${name}/rule/${rule}`;
}

function describeEntry(
  { cluster, weight }: WeightedEntry,
  route: RouteIdentity | undefined,
  { clusters }: SplitContext,
): SplitEntry {
  const parsed = parseClusterName(cluster);
  const isOwn = parsed !== undefined && route !== undefined && belongsTo(parsed, route);
  const backend = isOwn ? parsed.backend : undefined;
  const value = clusters.get(cluster);
  // A cluster that may stand for several backendRefs is never dropped.
  const usable = backend === undefined || value === undefined || hasUsableEndpoint(value) !== false;
  return { cluster, weight, backend, usable };
}

function applyTo(route: Uint8Array, decision: Rebalanced): Uint8Array {
  const { leftOutWeight } = decision;
  const added = decision.added.map(({ cluster, weight }) => encodeEntry(cluster, weight));
  return mapFields(route, Route.route, (action) => {
    const split = mapFields(action, RouteAction.weighted_clusters, (clusters) =>
      editFields(mapFields(clusters, WeightedCluster.clusters, rewriteEntry), () => 'keep', added),
    );
    return leftOutWeight === undefined ? split : answerNotFoundWith500(split);
  });

  function rewriteEntry(entry: Uint8Array): Uint8Array | undefined {
    const cluster = stringOf(entry, ClusterWeight.name);
    if (decision.dropped.has(cluster)) return undefined;
    if (cluster !== leftOutCluster || leftOutWeight === undefined) return entry;
    return editFields(
      entry,
      (field) => (field.number === ClusterWeight.weight.number ? 'drop' : 'keep'),
      [encodeWeight(leftOutWeight)],
    );
  }
}

function encodeEntry(cluster: string, weight: number): Uint8Array {
  const entry = encodeMessage('envoy.config.route.v3.WeightedCluster.ClusterWeight', {
    name: cluster,
    weight: { value: weight },
  });
  return encodeField(WeightedCluster.clusters, entry);
}

function encodeWeight(weight: number): Uint8Array {
  return encodeField(
    ClusterWeight.weight,
    encodeMessage('google.protobuf.UInt32Value', { value: weight }),
  );
}

function answerNotFoundWith500(action: Uint8Array): Uint8Array {
  return editFields(
    action,
    (field) =>
      field.number === RouteAction.cluster_not_found_response_code.number ? 'drop' : 'keep',
    [
      encodeMessage('envoy.config.route.v3.RouteAction', {
        cluster_not_found_response_code: notFoundIsInternalServerError,
      }),
    ],
  );
}
