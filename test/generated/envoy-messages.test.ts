import protobuf from 'protobufjs';
import { expect, it } from 'vitest';
import { loadEnvoyProtos } from '../../src/protos/envoy-protos.ts';

/** The fields that Offramp writes, by the message they are in. */
const written: Readonly<Record<string, readonly string[]>> = {
  'envoy.config.route.v3.Route': [
    'name',
    'match',
    'route',
    'direct_response',
    'response_headers_to_add',
    'request_body_buffer_limit',
  ],
  'envoy.config.route.v3.RouteMatch': [
    'prefix',
    'connect_matcher',
    'headers',
    'dynamic_metadata',
    'filter_state',
  ],
  'envoy.type.matcher.v3.MetadataMatcher': ['filter', 'path', 'value', 'invert'],
  'envoy.type.matcher.v3.MetadataMatcher.PathSegment': ['key'],
  'envoy.type.matcher.v3.ValueMatcher': ['string_match', 'bool_match'],
  'envoy.type.matcher.v3.FilterStateMatcher': ['key', 'string_match'],
  'envoy.type.matcher.v3.RegexMatcher': ['regex'],
  'xds.core.v3.TypedExtensionConfig': ['name', 'typed_config'],
  'envoy.extensions.string_matcher.lua.v3.Lua': ['source_code'],
  'envoy.config.route.v3.RouteMatch.ConnectMatcher': [],
  'envoy.config.route.v3.HeaderMatcher': ['name', 'string_match', 'present_match', 'invert_match'],
  'envoy.type.matcher.v3.StringMatcher': ['exact', 'prefix', 'safe_regex', 'custom', 'ignore_case'],
  'envoy.config.route.v3.RouteAction': [
    'cluster',
    'cluster_not_found_response_code',
    'upgrade_configs',
  ],
  'envoy.config.route.v3.InternalRedirectPolicy': [
    'max_internal_redirects',
    'redirect_response_codes',
    'predicates',
    'allow_cross_scheme_redirect',
    'response_headers_to_copy',
  ],
  'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig': [
    'allowed_route_names',
  ],
  'envoy.config.route.v3.WeightedCluster.ClusterWeight': ['name', 'weight'],
  'google.protobuf.UInt32Value': ['value'],
  'google.protobuf.UInt64Value': ['value'],
  'google.protobuf.BoolValue': ['value'],
  'envoy.config.route.v3.RouteAction.UpgradeConfig': ['upgrade_type', 'connect_config'],
  'envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig': [],
  'envoy.config.route.v3.DirectResponseAction': ['status', 'body'],
  'envoy.config.core.v3.DataSource': ['inline_string', 'filename'],
  'envoy.config.core.v3.SubstitutionFormatString': ['text_format_source'],
  'envoy.config.core.v3.TypedExtensionConfig': ['name', 'typed_config'],
  'envoy.config.core.v3.HeaderValueOption': ['header', 'append_action'],
  'envoy.config.core.v3.HeaderValue': ['key', 'value'],
  'envoy.config.cluster.v3.Cluster': [
    'name',
    'type',
    'connect_timeout',
    'dns_lookup_family',
    'load_assignment',
    'transport_socket',
    'typed_extension_protocol_options',
  ],
  'google.protobuf.Duration': ['seconds'],
  'google.protobuf.Any': ['type_url', 'value'],
  'google.protobuf.Struct': ['fields'],
  'google.protobuf.Value': ['stringValue', 'numberValue', 'boolValue'],
  'envoy.config.endpoint.v3.ClusterLoadAssignment': ['cluster_name', 'endpoints'],
  'envoy.config.endpoint.v3.LocalityLbEndpoints': ['lb_endpoints'],
  'envoy.config.endpoint.v3.LbEndpoint': ['endpoint', 'metadata'],
  'envoy.config.endpoint.v3.Endpoint': ['address'],
  'envoy.config.core.v3.Address': ['envoy_internal_address', 'socket_address'],
  'envoy.config.core.v3.SocketAddress': ['address', 'port_value'],
  'envoy.config.core.v3.EnvoyInternalAddress': ['server_listener_name'],
  'envoy.config.core.v3.Metadata': ['filter_metadata'],
  'envoy.config.core.v3.TransportSocket': ['name', 'typed_config'],
  'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport': [
    'passthrough_metadata',
    'transport_socket',
  ],
  'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport.MetadataValueSource':
    ['kind', 'name'],
  'envoy.type.metadata.v3.MetadataKind': ['host'],
  'envoy.type.metadata.v3.MetadataKind.Host': [],
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer': [],
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': ['explicit_http_config'],
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig': [
    'http_protocol_options',
    'http2_protocol_options',
  ],
  'envoy.config.core.v3.Http1ProtocolOptions': [],
  'envoy.config.core.v3.Http2ProtocolOptions': [],
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': ['sni', 'common_tls_context'],
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext': ['validation_context'],
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext': [
    'trusted_ca',
    'match_typed_subject_alt_names',
  ],
  'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher': ['san_type', 'matcher'],
  'envoy.config.listener.v3.Filter': ['name', 'typed_config'],
  'envoy.extensions.filters.network.set_filter_state.v3.Config': ['on_new_connection'],
  'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue': [
    'object_key',
    'factory_key',
    'format_string',
    'read_only',
  ],
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter': [
    'name',
    'typed_config',
    'disabled',
  ],
  'envoy.extensions.filters.http.set_metadata.v3.Config': ['metadata'],
  'envoy.extensions.filters.http.set_metadata.v3.Metadata': ['metadata_namespace', 'value'],
  'envoy.extensions.filters.http.lua.v3.Lua': [
    'default_source_code',
    'stat_prefix',
    'clear_route_cache',
  ],
  'envoy.extensions.filters.http.lua.v3.LuaPerRoute': ['filter_context'],
  'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec': [],
  'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation': ['mutations'],
  'envoy.config.common.mutation_rules.v3.HeaderMutation': ['remove'],
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig':
    ['upgrade_type'],
};

it('keeps the definitions that Offramp builds from equal to the official protos', async () => {
  const official = loadEnvoyProtos();
  const cut = new protobuf.Root();
  for (const [name, fieldNames] of Object.entries(written)) {
    cutType(cut, official.lookupType(name), fieldNames);
  }
  cut.resolveAll();
  const json = `${JSON.stringify(cut.toJSON(), null, 2)}\n`;
  await expect(json).toMatchFileSnapshot('../../src/xds/generated/envoy-messages.json');
});

function cutType(root: protobuf.Root, type: protobuf.Type, fieldNames: readonly string[]): void {
  const parent = type.parent?.fullName.slice(1) ?? '';
  const copy = new protobuf.Type(type.name);
  for (const name of fieldNames) {
    const field = type.fields[name];
    if (field === undefined) throw new Error(`${type.fullName} has no field ${name}`);
    const resolved = field.resolve().resolvedType;
    // An enum is written by its number.
    const fieldType =
      resolved instanceof protobuf.Enum ? 'int32' : (resolved?.fullName.slice(1) ?? field.type);
    copy.add(
      field instanceof protobuf.MapField
        ? new protobuf.MapField(name, field.id, field.keyType, fieldType)
        : new protobuf.Field(name, field.id, fieldType, field.repeated ? 'repeated' : undefined),
    );
  }
  const place = root.lookup(parent) ?? root.define(parent);
  if (place instanceof protobuf.Namespace) place.add(copy);
}
