import type { AssignmentLookup } from '../../state/assignments.ts';
import type { BackendRef, BackendRefLookup, RuleKey } from '../../state/backend-refs.ts';
import { appendFields } from '../../xds/append-fields.ts';
import { encodeMessage } from '../../xds/build.ts';
import { endpointServiceName, hasUsableEndpoint } from '../../xds/cluster.ts';
import type { ClusterIndex } from '../../xds/cluster-index.ts';
import { encodeField } from '../../xds/encoding.ts';
import type { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { leftOutCluster, parseClusterName } from '../../xds/names.ts';
import { type Destination, readAction, readRoute, type WeightedEntry } from '../../xds/route.ts';
import { belongsTo, identifyRoute, type RouteIdentity } from '../../xds/route-identity.ts';
import { editFields, type FieldEdit, mapFields, stringOf, varintOf } from '../../xds/wire.ts';
import { isFallbackRouteName } from '../control-plane-fallback/own-routes.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import {
  decideSplit,
  isLeftOut,
  type Rebalanced,
  type Split,
  type SplitEntry,
  type Unresolved,
  unchanged,
  unresolvedOf,
} from './decide-split.ts';
import type { DecidedMode } from './mode.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight } = fields;

/** Envoy's enum value by which a route to an absent cluster answers 500 (unset: 503). */
const notFoundIsInternalServerError = 2;

/** What holds for the routes of one virtual host. */
export interface SplitContext {
  readonly clusters: ClusterIndex;
  readonly backendRefs: BackendRefLookup;
  /** What Envoy Gateway said of their endpoints; absent when it is not asked. */
  readonly assignments: AssignmentLookup | undefined;
  readonly report: ReportBuilder;
  /** Place of the virtual host. */
  readonly place: Place;
}

/** Takes empty backendRefs out of a Route's weighted split; the same bytes when there is no cause. */
export function rewriteSplit(
  route: Uint8Array,
  context: SplitContext,
  decided: DecidedMode,
): Uint8Array {
  const { name, action, ambiguous } = readRoute(route);
  if (action === undefined || isFallbackRouteName(name)) return route;
  const { destination } = readAction(action);
  if (destination.kind !== 'weighted' && destination.kind !== 'ambiguous') return route;
  const place = { ...context.place, route: name };
  const identity = identifyRoute(route, name);
  const rule = identity && ruleOf(identity);
  const refs = rule && context.backendRefs.forRule(rule);
  const described: SplitEntry[] = [];
  for (const entry of destination.entries) described.push(describeEntry(entry, identity, context));
  const split: Split = {
    entries: described,
    refs,
    isLeftOutInvalid:
      varintOf(action, RouteAction.cluster_not_found_response_code) ===
      notFoundIsInternalServerError,
    clusterOf:
      rule && described.some(isLeftOut) ? findCustomClusters(rule, refs, context) : noClusters,
  };
  const asked = decided.mode === 'Keep' ? unchanged : decideSplit(split);
  const obstacle = findObstacle(destination, ambiguous);
  const decision = asked.kind === 'rebalanced' ? (obstacle ?? asked) : asked;
  const { report } = context;
  const { entries, isLeftOutInvalid, clusterOf } = split; // a spread would take as long as the decision
  const isFixed = obstacle !== undefined;
  report.decided({
    entries,
    refs,
    isLeftOutInvalid,
    clusterOf,
    rule,
    place,
    decided,
    decision,
    isFixed,
  });
  const unresolved = unresolvedOf(decision);
  if (unresolved !== undefined) report.skipped(unresolved.reason, place, unresolved.detail);
  if (decision.kind !== 'rebalanced') return route;
  for (const detail of decision.details) report.changed('empty-dropped', place, [], detail);
  return applyTo(route, decision);
}

type SplitDestination = Extract<Destination, { kind: 'weighted' | 'ambiguous' }>;

/** Why nothing can leave a split, although something of it is empty. */
function findObstacle(
  destination: SplitDestination,
  isRouteAmbiguous: boolean,
): Unresolved | undefined {
  const kind = 'unresolved';
  if (isRouteAmbiguous || destination.kind === 'ambiguous') {
    const detail = 'a field that decoders merge occurs twice in the route';
    return { kind, reason: 'ambiguous-encoding', detail };
  }
  if (destination.fixed)
    return { kind, reason: 'total-weight', detail: 'the split fixes its total_weight' };
  if (destination.entries.some(({ cluster }) => cluster === '')) {
    const detail = 'a request header chooses the cluster of an entry of the split';
    return { kind, reason: 'cluster-header', detail };
  }
  return undefined;
}

// Not made where it is used: a function keeps alive what is around it, there a whole snapshot.
const noClusters: Split['clusterOf'] = () => undefined;

/** The Gateway API allows a rule no more of them. */
const maxBackendRefs = 16;

/**
 * The clusters of backendRefs that may be custom, by index. Outlives the snapshot, so it must not
 * hold on to its bytes.
 */
function findCustomClusters(
  rule: RuleKey,
  refs: readonly BackendRef[] | undefined,
  { clusters }: SplitContext,
): Split['clusterOf'] {
  const candidates =
    refs?.filter(({ verdict }) => verdict === 'custom').map(({ backend }) => backend) ??
    Array.from({ length: maxBackendRefs }, (_, backend) => backend);
  const found = new Map<number, string>();
  for (const backend of candidates) {
    const cluster = `${nameOf(rule)}/backend/${backend}`;
    if (clusters.has(cluster)) found.set(backend, cluster);
  }
  return (backend) => found.get(backend);
}

function ruleOf({ object, rule }: RouteIdentity): RuleKey | undefined {
  if (rule === undefined) return undefined;
  const { kind, namespace, name } = object; // of what metadata says more is not kept
  return { kind: kind.toLowerCase(), namespace, name, rule };
}

function nameOf({ kind, namespace, name, rule }: RuleKey): string {
  return `${kind}/${namespace}/${name}/rule/${rule}`;
}

function describeEntry(
  { cluster, weight }: WeightedEntry,
  route: RouteIdentity | undefined,
  { clusters, assignments }: SplitContext,
): SplitEntry {
  const parsed = parseClusterName(cluster);
  const isOwn = parsed !== undefined && route !== undefined && belongsTo(parsed, route);
  const backend = isOwn ? parsed.backend : undefined;
  const value = clusters.get(cluster);
  // A cluster that may stand for several backendRefs is never dropped.
  const known = backend === undefined || value === undefined || hasUsableEndpoint(value);
  const asksFor =
    assignments && known === undefined && value !== undefined
      ? endpointServiceName(value)
      : undefined;
  if (assignments === undefined || asksFor === undefined) {
    return { cluster, weight, backend, usable: known ?? true };
  }
  return { cluster, weight, backend, usable: assignments.isUsable(asksFor), isTold: true };
}

function applyTo(route: Uint8Array, decision: Rebalanced): Uint8Array {
  const added = decision.added.map(({ cluster, weight }) => encodeEntry(cluster, weight));
  const applying = { decision, added, isLeftOutWeighed: false };
  return mapFields(route, Route.route, rewriteAction, applying);
}

/** A decision that is being applied. */
interface Applying {
  readonly decision: Rebalanced;
  /** Its entries for custom backends, encoded. */
  readonly added: readonly Uint8Array[];
  isLeftOutWeighed: boolean;
}

function rewriteAction(action: Uint8Array, _index: number, applying: Applying): Uint8Array {
  const split = mapFields(action, RouteAction.weighted_clusters, rewriteClusters, applying);
  return applying.decision.leftOutWeight === undefined ? split : answerNotFoundWith500(split);
}

function rewriteClusters(clusters: Uint8Array, _index: number, applying: Applying): Uint8Array {
  const left = mapFields(clusters, WeightedCluster.clusters, rewriteEntry, applying);
  return appendFields(left, applying.added);
}

function rewriteEntry(
  entry: Uint8Array,
  _index: number,
  applying: Applying,
): Uint8Array | undefined {
  const { dropped, leftOutWeight } = applying.decision;
  const cluster = stringOf(entry, ClusterWeight.name);
  if (dropped.has(cluster)) return undefined;
  if (cluster !== leftOutCluster || leftOutWeight === undefined) return entry;
  if (applying.isLeftOutWeighed) return undefined; // of several the first has the weight of all
  applying.isLeftOutWeighed = true;
  return editFields(entry, dropWeight, [encodeWeight(leftOutWeight)]);
}

function dropWeight({ number }: FieldReader): FieldEdit {
  return number === ClusterWeight.weight.number ? 'drop' : 'keep';
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
