import { stringify } from 'yaml';

/**
 * An EnvoyProxy whose Envoy has the internal listener that tunnels start at. Its end is a plain server
 * on this machine, and its access log says what metadata came with the connection.
 */
export function proxyWithTunnelListener(upstreamPort: number): Readonly<Record<string, unknown>> {
  const accessLog = {
    name: 'envoy.access_loggers.stdout',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: {
        text_format_source: {
          inline_string:
            'tunnel to %DYNAMIC_METADATA(tunnel:address)% at %DYNAMIC_METADATA(tunnel:endpoint_id)%\n',
        },
      },
    },
  };
  return proxyWithInternalListener(upstreamPort, {
    access_log_options: { flush_access_log_on_connected: true },
    access_log: [accessLog],
  });
}

/**
 * An EnvoyProxy's spec whose Envoy has the internal listener `connector-tunnel`, which leads to a port
 * on this machine by a TcpProxy with these settings. Envoy Gateway makes no internal listener itself.
 */
export function proxyWithInternalListener(
  endPort: number,
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const address = { socket_address: { address: '127.0.0.1', port_value: endPort } };
  const tcpProxy = {
    name: 'tcp',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 'tunnel',
      cluster: 'tunnel-end',
      ...settings,
    },
  };
  const value = stringify({
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    static_resources: {
      listeners: [
        {
          name: 'connector-tunnel',
          internal_listener: {},
          filter_chains: [{ filters: [tcpProxy] }],
        },
      ],
      clusters: [
        {
          name: 'tunnel-end',
          connect_timeout: '5s',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'tunnel-end',
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
        },
      ],
    },
  });
  return {
    extraArgs: ['--disable-hot-restart'],
    concurrency: 1,
    bootstrap: { type: 'Merge', value },
  };
}
