import { fieldsOf } from './field-ref.ts';

/** Clusters and their endpoints. */
export const clusterFields = {
  Cluster: fieldsOf('envoy.config.cluster.v3.Cluster', {
    name: 1,
    type: 2,
    eds_cluster_config: 3,
    http_protocol_options: 13,
    http2_protocol_options: 14,
    protocol_selection: 26,
    common_http_protocol_options: 29,
    load_assignment: 33,
    cluster_type: 38,
    typed_extension_protocol_options: 36,
    upstream_http_protocol_options: 46,
  }),
  EdsClusterConfig: fieldsOf('envoy.config.cluster.v3.Cluster.EdsClusterConfig', {
    service_name: 2,
  }),
  HttpProtocolOptions: fieldsOf('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', {
    explicit_http_config: 3,
    http_filters: 6,
  }),
  ExplicitHttpConfig: fieldsOf(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig',
    { http2_protocol_options: 2 },
  ),
  ClusterLoadAssignment: fieldsOf('envoy.config.endpoint.v3.ClusterLoadAssignment', {
    cluster_name: 1,
    endpoints: 2,
  }),
  LocalityLbEndpoints: fieldsOf('envoy.config.endpoint.v3.LocalityLbEndpoints', {
    locality: 1,
    lb_endpoints: 2,
    load_balancer_endpoints: 7,
    leds_cluster_locality_config: 8,
  }),
  LbEndpoint: fieldsOf('envoy.config.endpoint.v3.LbEndpoint', {
    endpoint: 1,
    health_status: 2,
    metadata: 3,
    load_balancing_weight: 4,
  }),
  CustomClusterType: fieldsOf('envoy.config.cluster.v3.Cluster.CustomClusterType', {
    name: 1,
  }),
  Locality: fieldsOf('envoy.config.core.v3.Locality', {
    region: 1,
  }),
} as const;
