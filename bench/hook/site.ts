/** One customer's Gateway: its own name and namespace, one host name, one certificate. */
export interface Site {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly endpointId: string;
}

/** The site with this number, which has eight digits. */
export function siteNamed(number: string): Site {
  return {
    namespace: `ns-6f1c2a7e-93b4-4e0d-8a55-b7e1${number}`,
    name: `proxy-${number}`,
    host: `app-${number}.customer.example.com`,
    endpointId: `node-${number}`,
  };
}

interface Part {
  readonly type: string;
  readonly message: object;
}

/**
 * The xDS of a site as Envoy Gateway 1.9 makes it with mergeGateways: rule 0 goes to one backendRef,
 * which may be a connector's; rule 1 splits 90 to 10 between two.
 */
export function modelSite(site: Site) {
  const { namespace, name, host } = site;
  const listener = `${namespace}/${name}/default-https`;
  const plainHost = {
    name: `http-80/${host}`,
    domains: [host],
    routes: [forward(site, 1, '/api'), forward(site, 0, '/')],
    metadata: metadata(site, 'Gateway', 'default-http'),
  };
  const tlsHost = {
    name: `${listener}/${host.replaceAll('.', '_')}`,
    domains: [host],
    routes: [split(site), forward(site, 1, '/api'), forward(site, 0, '/')],
    metadata: metadata(site, 'Gateway', 'default-https'),
  };
  return {
    cluster: cluster(site, 0, `httproute/${namespace}/${name}/rule/0`),
    stable: cluster(site, 1, `httproute/${namespace}/${name}/rule/1/backend/0`),
    canary: cluster(site, 1, `httproute/${namespace}/${name}/rule/1/backend/1`),
    emptyCanary: emptyCluster(site, `httproute/${namespace}/${name}/rule/1/backend/1`),
    secret: {
      type: 'envoy.extensions.transport_sockets.tls.v3.Secret',
      message: { name: listener, tls_certificate: { certificate_chain, private_key } },
    },
    filterChain: {
      type: 'envoy.config.listener.v3.FilterChain',
      message: filterChain(listener, host),
    },
    plainHost: { type: 'envoy.config.route.v3.VirtualHost', message: plainHost },
    routes: {
      type: 'envoy.config.route.v3.RouteConfiguration',
      message: { name: listener, ignore_port_in_host_matching: true, virtual_hosts: [tlsHost] },
    },
  } satisfies Record<string, Part>;
}

const ads = { ads: {}, initial_fetch_timeout: {}, resource_api_version: 'V3' };

/** As long as an ECDSA chain of two certificates and its key are; no certificate, and no key. */
const certificate_chain = { inline_bytes: filler(2_060) };
const private_key = { inline_bytes: filler(230) };

function filler(length: number): Buffer {
  let state = 1;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (state * 48_271) % 0x7fffffff;
      return 0x41 + (state % 26);
    }),
  );
}

function metadata({ namespace, name }: Site, kind: string, sectionName: string) {
  const resources = [{ kind, namespace, name, sectionName }];
  return { filter_metadata: { 'envoy-gateway': { resources } } };
}

function cluster(site: Site, rule: number, name: string): Part {
  const leastRequest = {
    '@type': 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
    locality_lb_config: { locality_weighted_lb_config: {} },
  };
  const policy = {
    typed_extension_config: {
      name: 'envoy.load_balancing_policies.least_request',
      typed_config: leastRequest,
    },
  };
  const message = {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: ads, service_name: name },
    connect_timeout: { seconds: 10 },
    per_connection_buffer_limit_bytes: { value: 32_768 },
    circuit_breakers: { thresholds: [{ max_retries: { value: 1_024 } }] },
    dns_lookup_family: 'V4_PREFERRED',
    metadata: metadata(site, 'HTTPRoute', `rule-${rule}`),
    common_lb_config: {},
    ignore_health_on_host_removal: true,
    load_balancing_policy: { policies: [policy] },
  };
  return { type: 'envoy.config.cluster.v3.Cluster', message };
}

/** The cluster of a backendRef that lists its endpoints inline, and has none. */
function emptyCluster(site: Site, name: string): Part {
  const message = {
    name,
    type: 'STATIC',
    connect_timeout: { seconds: 10 },
    per_connection_buffer_limit_bytes: { value: 32_768 },
    load_assignment: { cluster_name: name, endpoints: [{ locality: { region: name } }] },
    dns_lookup_family: 'V4_PREFERRED',
    metadata: metadata(site, 'HTTPRoute', 'rule-1'),
    common_lb_config: {},
  };
  return { type: 'envoy.config.cluster.v3.Cluster', message };
}

function route(site: Site, rule: number, path: string, to: object) {
  const { namespace, name, host } = site;
  const match = path === '/' ? { prefix: '/' } : { path_separated_prefix: path };
  return {
    name: `httproute/${namespace}/${name}/rule/${rule}/match/${path.length}/${host.replaceAll('.', '_')}`,
    match,
    route: { ...to, upgrade_configs: [{ upgrade_type: 'websocket' }] },
    metadata: metadata(site, 'HTTPRoute', `rule-${rule}`),
  };
}

function forward(site: Site, rule: number, path: string) {
  const { namespace, name } = site;
  const last = rule === 0 ? '' : '/backend/0';
  return route(site, rule, path, { cluster: `httproute/${namespace}/${name}/rule/${rule}${last}` });
}

function split(site: Site) {
  const { namespace, name } = site;
  const clusters = [90, 10].map((weight, backend) => ({
    name: `httproute/${namespace}/${name}/rule/1/backend/${backend}`,
    weight: { value: weight },
  }));
  return route(site, 1, '/canary', { weighted_clusters: { clusters } });
}

function filterChain(name: string, host: string) {
  const secret = { name, sds_config: ads };
  const context = {
    '@type': 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificate_sds_secret_configs: [secret],
    },
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
  };
  return {
    name,
    filter_chain_match: { server_names: [host] },
    filters: [connectionManager('https-10443', name)],
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
  };
}

function connectionManager(statPrefix: string, routeConfiguration: string) {
  const router = {
    '@type': 'envoy.extensions.filters.http.router.v3.Router',
    suppress_envoy_headers: true,
  };
  const manager = {
    '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: statPrefix,
    rds: { config_source: ads, route_config_name: routeConfiguration },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: router }],
    use_remote_address: { value: true },
    normalize_path: { value: true },
    merge_slashes: true,
    server_header_transformation: 'PASS_THROUGH',
    path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
  };
  return { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
}

/** The listener of all sites' host names without TLS. */
export const plainListener = {
  name: 'tcp-80',
  address: { socket_address: { address: '::', port_value: 10_080 } },
  default_filter_chain: { name: 'http-80', filters: [connectionManager('http-10080', 'http-80')] },
};

/** The listener with TLS; each site adds its filter chain. */
export const tlsListener = {
  name: 'tcp-443',
  address: { socket_address: { address: '::', port_value: 10_443 } },
  per_connection_buffer_limit_bytes: { value: 32_768 },
};
