import { encodeField } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { encodeXds } from './xds.ts';

const { load_assignment } = fields.PostEndpointsModifyRequest;

/** A PostEndpointsModify request for a ClusterLoadAssignment in Envoy's JSON. */
export function endpointsRequest(assignment: object): Uint8Array {
  return encodeField(
    load_assignment,
    encodeXds('envoy.config.endpoint.v3.ClusterLoadAssignment', assignment),
  );
}

/** What Envoy Gateway says of a cluster with endpoints of these HealthStatus values (0: in service). */
export function assignmentOf(cluster: string, ...health: readonly number[]): object {
  const endpoints = health.map((status, index) => ({
    endpoint: {
      address: {
        socket_address: { address: `10.0.${index >> 8}.${index & 255}`, port_value: 8080 },
      },
    },
    health_status: status,
    load_balancing_weight: { value: 1 },
  }));
  const locality = { region: cluster };
  return {
    cluster_name: cluster,
    endpoints: [{ locality, lb_endpoints: endpoints, load_balancing_weight: { value: 1 } }],
  };
}
