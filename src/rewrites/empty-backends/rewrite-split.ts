import type { BackendRefLookup } from '../../state/backend-refs.ts';
import { encodeMessage } from '../../xds/build.ts';
import { hasUsableEndpoint } from '../../xds/cluster.ts';
import { fields } from '../../xds/fields.ts';
import { type GatewayObject, readGatewayObject } from '../../xds/gateway-metadata.ts';
import { type ClusterName, parseClusterName, parseRouteName } from '../../xds/names.ts';
import { readAction, readRoute, type WeightedEntry } from '../../xds/route.ts';
import { editFields, encodeField, mapFields, stringOf } from '../../xds/wire.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { decideSplit, leftOutCluster, type Rebalanced, type SplitEntry } from './decide-split.ts';

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
  if (action === undefined) return route;
  const { destination } = readAction(action);
  if (destination.kind !== 'weighted') return route;
  const place = { ...context.place, route: name };
  const rule = identifyRule(readGatewayObject(route, Route.metadata), name);
  const clusterName = (backend: number): string | undefined => {
    const cluster = rule && `${ruleName(rule)}/backend/${backend}`;
    return cluster !== undefined && context.clusters.has(cluster) ? cluster : undefined;
  };
  const decision = decideSplit({
    entries: destination.entries.map((entry) => describeEntry(entry, rule, context)),
    refs: rule && context.backendRefs.forRule(rule),
    clusterOf: clusterName,
  });
  const { report } = context;
  if (decision.kind === 'unresolved') {
    report.skipped(decision.reason, place, decision.detail);
    return route;
  }
  if (decision.kind === 'unchanged') return route;
  if (ambiguous) {
    const detail = 'a field that decoders merge occurs twice in the route';
    report.skipped('ambiguous-encoding', place, detail);
    return route;
  }
  if (destination.fixed) {
    report.skipped('total-weight', place, 'the split fixes its total_weight');
    return route;
  }
  const { unresolved } = decision;
  if (unresolved !== undefined) report.skipped(unresolved.reason, place, unresolved.detail);
  for (const detail of decision.details) report.changed('empty-dropped', place, [], detail);
  return applyTo(route, decision);
}

/** A rule of a route: its object from the metadata, its index from the route's name. */
type Rule = Pick<ClusterName, 'kind' | 'namespace' | 'name' | 'rule'>;

function identifyRule(object: GatewayObject | undefined, routeName: string): Rule | undefined {
  const parsed = parseRouteName(routeName);
  if (parsed === undefined) return undefined;
  const { kind, namespace, name } = object ?? parsed;
  return { kind: kind.toLowerCase(), namespace, name, rule: parsed.rule };
}

function ruleName({ kind, namespace, name, rule }: Rule): string {
  return `${kind}/${namespace}/${name}/rule/${rule}`;
}

function describeEntry(
  { cluster, weight }: WeightedEntry,
  rule: Rule | undefined,
  { clusters }: SplitContext,
): SplitEntry {
  const parsed = parseClusterName(cluster);
  const isOwn = parsed !== undefined && rule !== undefined && ruleName(parsed) === ruleName(rule);
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
