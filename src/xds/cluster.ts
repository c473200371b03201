import { assignsUsableEndpoint } from './endpoints.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { parseClusterName } from './names.ts';
import type { Snapshot } from './snapshot.ts';
import { hasField, lastValueOf, stringOf, valuesOf, varintOf } from './wire.ts';

/** A cluster's name, '' when it has none. Throws MalformedMessageError. */
export function readClusterName(cluster: Uint8Array): string {
  return stringOf(cluster, fields.Cluster.name);
}

/** The snapshot's clusters by name; those that cannot be read are passed over. */
export function readClusterNames(snapshot: Snapshot): ReadonlyMap<string, Uint8Array> {
  const clusters = new Map<string, Uint8Array>();
  for (const value of snapshot.resources.lists.clusters) {
    try {
      clusters.set(readClusterName(value), value);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
  return clusters;
}

/**
 * The indexes of the backendRefs whose endpoints the cluster lists inline: Envoy Gateway names each
 * ref as the region of its locality. Undefined when it lists none (EDS) or names them otherwise.
 */
export function clusterBackends(cluster: Uint8Array): readonly number[] | undefined {
  const assignment = lastValueOf(cluster, fields.Cluster.load_assignment);
  if (assignment === undefined) return undefined;
  const backends: number[] = [];
  for (const endpoints of valuesOf(assignment, fields.ClusterLoadAssignment.endpoints)) {
    const locality = lastValueOf(endpoints, fields.LocalityLbEndpoints.locality);
    const region = locality === undefined ? '' : stringOf(locality, fields.Locality.region);
    const backend = parseClusterName(region)?.backend;
    if (backend === undefined) return undefined;
    backends.push(backend);
  }
  return backends.length === 0 ? undefined : backends;
}

/** Whether the cluster speaks HTTP/2 to its endpoints by its own explicit configuration. */
export function speaksHttp2(cluster: Uint8Array): boolean {
  if (hasField(cluster, fields.Cluster.http2_protocol_options)) return true;
  return valuesOf(cluster, fields.Cluster.typed_extension_protocol_options).some((entry) => {
    const any = lastValueOf(entry, fields.MapEntry.value);
    const type = any === undefined ? '' : stringOf(any, fields.Any.type_url);
    const options = any && lastValueOf(any, fields.Any.value);
    if (!type.endsWith('/envoy.extensions.upstreams.http.v3.HttpProtocolOptions')) return false;
    const explicit =
      options && lastValueOf(options, fields.HttpProtocolOptions.explicit_http_config);
    return (
      explicit !== undefined && hasField(explicit, fields.ExplicitHttpConfig.http2_protocol_options)
    );
  });
}

/** Envoy's DiscoveryType values whose endpoints are all in the cluster itself. */
const inlineTypes: ReadonlySet<number> = new Set([0, 1, 2]); // STATIC, STRICT_DNS, LOGICAL_DNS
/** Envoy’s DiscoveryType of endpoints that come from EDS. */
export const edsType = 3;
const inlineCustomTypes: ReadonlySet<string> = new Set(['envoy.cluster.dns']);

/**
 * Whether an endpoint of the cluster can take requests; undefined when the cluster does not list its
 * endpoints itself (EDS, dynamic resolver, custom). Throws MalformedMessageError.
 */
export function hasUsableEndpoint(cluster: Uint8Array): boolean | undefined {
  if (!listsItsEndpoints(cluster)) return undefined;
  const assignments = valuesOf(cluster, fields.Cluster.load_assignment);
  if (assignments.length > 1) return undefined;
  const [assignment] = assignments;
  return assignment === undefined ? false : assignsUsableEndpoint(assignment);
}

/**
 * The name under which an EDS cluster asks for its endpoints; undefined for every other cluster.
 * Throws MalformedMessageError.
 */
export function endpointServiceName(cluster: Uint8Array): string | undefined {
  const { Cluster, EdsClusterConfig } = fields;
  if (hasField(cluster, Cluster.cluster_type)) return undefined;
  if (varintOf(cluster, Cluster.type) !== edsType) return undefined;
  const config = lastValueOf(cluster, Cluster.eds_cluster_config);
  const name = config === undefined ? '' : stringOf(config, EdsClusterConfig.service_name);
  return name === '' ? readClusterName(cluster) : name;
}

function listsItsEndpoints(cluster: Uint8Array): boolean {
  const { Cluster, CustomClusterType } = fields;
  const customType = lastValueOf(cluster, Cluster.cluster_type);
  if (customType === undefined) return inlineTypes.has(varintOf(cluster, Cluster.type));
  if (hasField(cluster, Cluster.type)) return false;
  return inlineCustomTypes.has(stringOf(customType, CustomClusterType.name));
}
