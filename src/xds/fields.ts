/** One protobuf field: the message it belongs to, its name there, and its number on the wire. */
export interface FieldRef {
  readonly message: string;
  readonly name: string;
  readonly number: number;
}

type FieldsOf<Numbers extends Readonly<Record<string, number>>> = {
  readonly [Name in keyof Numbers]: FieldRef;
};

function fieldsOf<const Numbers extends Readonly<Record<string, number>>>(
  message: string,
  numbers: Numbers,
): FieldsOf<Numbers> {
  const entries = Object.entries(numbers).map(([name, number]) => [
    name,
    { message, name, number },
  ]);
  return Object.freeze(Object.fromEntries(entries));
}

/**
 * Every field number Offramp reads or writes on the wire.
 * A test compares each with the official protos, so a number cannot be wrong quietly.
 */
export const fields = {
  PostTranslateModifyRequest: fieldsOf('envoygateway.extension.PostTranslateModifyRequest', {
    post_translate_context: 1,
    clusters: 2,
    secrets: 3,
    listeners: 4,
    routes: 5,
  }),
  PostTranslateExtensionContext: fieldsOf('envoygateway.extension.PostTranslateExtensionContext', {
    extension_resources: 1,
  }),
  PostEndpointsModifyRequest: fieldsOf('envoygateway.extension.PostEndpointsModifyRequest', {
    load_assignment: 1,
  }),
  PostRouteModifyRequest: fieldsOf('envoygateway.extension.PostRouteModifyRequest', {
    route: 1,
    post_route_context: 2,
  }),
  PostRouteExtensionContext: fieldsOf('envoygateway.extension.PostRouteExtensionContext', {
    extension_policies: 3,
  }),
  ExtensionResource: fieldsOf('envoygateway.extension.ExtensionResource', {
    unstructured_bytes: 1,
  }),
  RouteConfiguration: fieldsOf('envoy.config.route.v3.RouteConfiguration', {
    name: 1,
    virtual_hosts: 2,
    validate_clusters: 7,
    max_direct_response_body_size_bytes: 11,
    typed_per_filter_config: 16,
  }),
  VirtualHost: fieldsOf('envoy.config.route.v3.VirtualHost', {
    name: 1,
    domains: 2,
    routes: 3,
    typed_per_filter_config: 15,
    matcher: 21,
    metadata: 24,
  }),
  Route: fieldsOf('envoy.config.route.v3.Route', {
    match: 1,
    route: 2,
    redirect: 3,
    metadata: 4,
    direct_response: 7,
    request_headers_to_add: 9,
    response_headers_to_add: 10,
    response_headers_to_remove: 11,
    request_headers_to_remove: 12,
    typed_per_filter_config: 13,
    name: 14,
    per_request_buffer_limit_bytes: 16,
    filter_action: 17,
    non_forwarding_action: 18,
    stat_prefix: 19,
    request_body_buffer_limit: 20,
  }),
  RouteMatch: fieldsOf('envoy.config.route.v3.RouteMatch', {
    prefix: 1,
    path: 2,
    case_sensitive: 4,
    headers: 6,
    connect_matcher: 12,
    dynamic_metadata: 13,
    path_separated_prefix: 14,
  }),
  RouteAction: fieldsOf('envoy.config.route.v3.RouteAction', {
    cluster: 1,
    cluster_header: 2,
    weighted_clusters: 3,
    metadata_match: 4,
    prefix_rewrite: 5,
    host_rewrite_literal: 6,
    auto_host_rewrite: 7,
    retry_policy: 9,
    hash_policy: 15,
    cluster_not_found_response_code: 20,
    upgrade_configs: 25,
    internal_redirect_action: 26,
    hedge_policy: 27,
    host_rewrite_header: 29,
    request_mirror_policies: 30,
    max_internal_redirects: 31,
    regex_rewrite: 32,
    retry_policy_typed_config: 33,
    internal_redirect_policy: 34,
    host_rewrite_path_regex: 35,
    cluster_specifier_plugin: 37,
    append_x_forwarded_host: 38,
    inline_cluster_specifier_plugin: 39,
    path_rewrite_policy: 41,
    host_rewrite: 44,
    path_rewrite: 45,
  }),
  DirectResponseAction: fieldsOf('envoy.config.route.v3.DirectResponseAction', {
    status: 1,
    body: 2,
  }),
  DataSource: fieldsOf('envoy.config.core.v3.DataSource', { inline_bytes: 2, inline_string: 3 }),
  UpgradeConfig: fieldsOf('envoy.config.route.v3.RouteAction.UpgradeConfig', {
    upgrade_type: 1,
    enabled: 2,
  }),
  RequestMirrorPolicy: fieldsOf('envoy.config.route.v3.RouteAction.RequestMirrorPolicy', {
    cluster: 1,
  }),
  WeightedCluster: fieldsOf('envoy.config.route.v3.WeightedCluster', {
    clusters: 1,
    total_weight: 3,
  }),
  ClusterWeight: fieldsOf('envoy.config.route.v3.WeightedCluster.ClusterWeight', {
    name: 1,
    weight: 2,
    typed_per_filter_config: 10,
    cluster_header: 12,
  }),
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
  Listener: fieldsOf('envoy.config.listener.v3.Listener', {
    name: 1,
    filter_chains: 3,
    default_filter_chain: 25,
  }),
  FilterChain: fieldsOf('envoy.config.listener.v3.FilterChain', {
    filters: 3,
    transport_socket: 6,
  }),
  TransportSocket: fieldsOf('envoy.config.core.v3.TransportSocket', { typed_config: 3 }),
  QuicDownstreamTransport: fieldsOf(
    'envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport',
    { downstream_tls_context: 1 },
  ),
  DownstreamTlsContext: fieldsOf('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: 1,
    require_client_certificate: 2,
  }),
  CommonTlsContext: fieldsOf('envoy.extensions.transport_sockets.tls.v3.CommonTlsContext', {
    validation_context: 3,
    validation_context_sds_secret_config: 7,
    combined_validation_context: 8,
  }),
  Filter: fieldsOf('envoy.config.listener.v3.Filter', {
    name: 1,
    typed_config: 4,
    config_discovery: 5,
  }),
  HttpConnectionManager: fieldsOf(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      rds: 3,
      route_config: 4,
      http_filters: 5,
      upgrade_configs: 23,
      scoped_routes: 31,
      early_header_mutation_extensions: 52,
    },
  ),
  HttpFilter: fieldsOf('envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter', {
    name: 1,
    typed_config: 4,
  }),
  TypedExtensionConfig: fieldsOf('envoy.config.core.v3.TypedExtensionConfig', { name: 1 }),
  HcmUpgradeConfig: fieldsOf(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig',
    { upgrade_type: 1, enabled: 3 },
  ),
  Rds: fieldsOf('envoy.extensions.filters.network.http_connection_manager.v3.Rds', {
    route_config_name: 2,
  }),
  Metadata: fieldsOf('envoy.config.core.v3.Metadata', {
    filter_metadata: 1,
  }),
  Any: fieldsOf('google.protobuf.Any', { type_url: 1, value: 2 }),
  BoolValue: fieldsOf('google.protobuf.BoolValue', { value: 1 }),
  UInt32Value: fieldsOf('google.protobuf.UInt32Value', { value: 1 }),
  UInt64Value: fieldsOf('google.protobuf.UInt64Value', { value: 1 }),
  Struct: fieldsOf('google.protobuf.Struct', { fields: 1 }),
  Value: fieldsOf('google.protobuf.Value', {
    string_value: 3,
    struct_value: 5,
    list_value: 6,
  }),
  ListValue: fieldsOf('google.protobuf.ListValue', { values: 1 }),
  /** The key and value of every map entry; the encoding's specification fixes these two. */
  MapEntry: fieldsOf('', { key: 1, value: 2 }),
  FilterConfig: fieldsOf('envoy.config.route.v3.FilterConfig', { disabled: 3 }),
  ExtAuthzPerRoute: fieldsOf('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
    disabled: 1,
  }),
  JwtPerRouteConfig: fieldsOf('envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', {
    disabled: 1,
  }),
  RbacPerRoute: fieldsOf('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: 2 }),
} as const;
