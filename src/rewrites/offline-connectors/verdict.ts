import type { Connector, ConnectorLookup, RuleKeyParts } from '../../state/connectors.ts';
import { clusterBackends } from '../../xds/cluster.ts';
import type { ClusterIndex } from '../../xds/cluster-index.ts';
import { leftOutCluster, parseClusterName } from '../../xds/names.ts';
import { belongsTo, type RouteIdentity } from '../../xds/route-identity.ts';
import { absentCluster } from './messages.ts';

/** What the state says of the traffic that one route sends to one cluster. */
export type Verdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'offline'; readonly connectors: readonly string[] }
  | { readonly kind: 'online'; readonly connector: Connector & { readonly online: true } }
  | { readonly kind: 'merged'; readonly detail: string };

/** What is asked about the routes of a snapshot. */
export interface Asked {
  readonly view: ConnectorLookup;
  /** The snapshot’s own. */
  readonly clusters: ClusterIndex;
}

const none: Verdict = { kind: 'none' };

/** Envoy Gateway's entry for refs that it could not resolve, and ours: never a connector. */
function isReserved(cluster: string): boolean {
  return cluster === leftOutCluster || cluster === absentCluster;
}

/** Decides whether a route's traffic to a cluster goes to a connector, and in which state it is. */
export function judge(
  cluster: string,
  route: RouteIdentity | undefined,
  { view, clusters }: Asked,
): Verdict {
  if (cluster === '' || isReserved(cluster)) return none;
  const exact = view.forCluster(cluster);
  if (exact !== undefined) return verdictOfOne(exact);
  const claims = route && view.forRule(keyOf(route));
  if (route === undefined || claims === undefined) return none;
  if (claims.whole !== undefined) return verdictOfOne(claims.whole);

  const parsed = parseClusterName(cluster);
  if (parsed === undefined || !belongsTo(parsed, route)) {
    return merged('its name does not tell which backendRef it serves');
  }
  const backends = parsed.backend === undefined ? backendsOf(cluster, clusters) : [parsed.backend];
  if (backends === undefined) {
    return merged(
      'it may serve several backendRefs, and the snapshot does not say which; ' +
        'state the rule without `backend`, or name the cluster under `clusters`',
    );
  }
  return verdictOf(backends.map((backend) => claims.byBackend.get(backend)));
}

/** The backendRefs whose endpoints a cluster lists itself; undefined when it lists none. */
function backendsOf(cluster: string, clusters: ClusterIndex): readonly number[] | undefined {
  const value = clusters.get(cluster);
  return value === undefined ? undefined : clusterBackends(value);
}

function keyOf({ object: { kind, namespace, name }, rule }: RouteIdentity): RuleKeyParts {
  return { kind, namespace, name, rule };
}

function verdictOfOne(connector: Connector): Verdict {
  return connector.online
    ? { kind: 'online', connector }
    : { kind: 'offline', connectors: [connector.name] };
}

function verdictOf(connectors: readonly (Connector | undefined)[]): Verdict {
  const distinct = [...new Set(connectors)];
  const [first] = distinct;
  if (distinct.length === 1) return first === undefined ? none : verdictOfOne(first);
  const offline = distinct.filter((connector) => connector !== undefined && !connector.online);
  if (offline.length === distinct.length) {
    return { kind: 'offline', connectors: offline.map((connector) => connector?.name ?? '') };
  }
  return merged('its backendRefs are not all behind connectors in the same state');
}

function merged(detail: string): Verdict {
  return { kind: 'merged', detail };
}
