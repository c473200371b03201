import { fieldsOf } from './field-ref.ts';

/** Listeners, their TLS and their connection managers. */
export const listenerFields = {
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
} as const;
