import { fields } from './fields.ts';
import { hasField, lastValueOf, stringOf, valuesOf, varintOf } from './wire.ts';

const { ClusterLoadAssignment, LocalityLbEndpoints, LbEndpoint } = fields;

/** Envoy's HealthStatus values of endpoints that get no request: UNHEALTHY, DRAINING, TIMEOUT. */
const outOfService: ReadonlySet<number> = new Set([2, 3, 4]);

/** The cluster that a ClusterLoadAssignment is for. Throws MalformedMessageError. */
export function readAssignedCluster(assignment: Uint8Array): string {
  return stringOf(assignment, ClusterLoadAssignment.cluster_name);
}

/**
 * Whether an endpoint of a ClusterLoadAssignment can take requests; undefined when it names a place
 * where they are instead. Throws MalformedMessageError.
 */
export function assignsUsableEndpoint(assignment: Uint8Array): boolean | undefined {
  const localities = valuesOf(assignment, ClusterLoadAssignment.endpoints);
  const isElsewhere = localities.some(
    (locality) =>
      hasField(locality, LocalityLbEndpoints.load_balancer_endpoints) ||
      hasField(locality, LocalityLbEndpoints.leds_cluster_locality_config),
  );
  if (isElsewhere) return undefined;
  return localities.some((locality) =>
    valuesOf(locality, LocalityLbEndpoints.lb_endpoints).some(isUsable),
  );
}

function isUsable(endpoint: Uint8Array): boolean {
  if (outOfService.has(varintOf(endpoint, LbEndpoint.health_status))) return false;
  const weight = lastValueOf(endpoint, LbEndpoint.load_balancing_weight);
  return weight === undefined || varintOf(weight, fields.UInt32Value.value) > 0;
}
