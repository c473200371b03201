import type { ConnectorEntry } from '../../src/state/connectors.ts';
import type { PlainSnapshot } from './xds.ts';

/** A snapshot of many gateways, and the connectors behind some of its routes. */
export interface Fleet {
  readonly snapshot: PlainSnapshot;
  readonly connectors: readonly ConnectorEntry[];
  /** Clusters by the state of their connector. */
  readonly offline: ReadonlySet<string>;
  readonly online: ReadonlySet<string>;
}

/**
 * Makes a fleet as Envoy Gateway would send it with mergeGateways: each gateway has a listener, a
 * virtual host with a tunnelled route and a health route. Of ten connectors one is offline, two are
 * online, and seven routes are no connector's.
 */
export function makeFleet(gateways: number): Fleet {
  const offline = new Set<string>();
  const online = new Set<string>();
  const connectors: ConnectorEntry[] = [];
  const parts = Array.from({ length: gateways }, (_, index) => {
    const name = `site-${index}`;
    const cluster = `httproute/tenants/${name}/rule/0`;
    const entry = connectorFor(index, name);
    if (entry !== undefined) {
      connectors.push(entry);
      (entry.connector.online ? online : offline).add(cluster);
    }
    return makeGateway(name, cluster);
  });
  return {
    snapshot: {
      clusters: parts.flatMap(({ clusters }) => clusters),
      listeners: parts.map(({ listener }) => listener),
      routes: parts.map(({ routes }) => routes),
    },
    connectors,
    offline,
    online,
  };
}

function connectorFor(index: number, name: string): ConnectorEntry | undefined {
  const routes = [{ kind: 'HTTPRoute', namespace: 'tenants', name, rule: 0 }] as const;
  if (index % 10 === 0) return { connector: { name, online: false }, routes, clusters: [] };
  if (index % 10 > 2) return undefined;
  const tunnel = { host: 'localhost', port: 8080, endpointId: `node-${index}` };
  return { connector: { name, online: true, tunnel }, routes, clusters: [] };
}

function makeGateway(name: string, cluster: string) {
  const listenerName = `tenants/${name}/http`;
  const host = `${name}.example.com`;
  const hostName = host.replaceAll('.', '_');
  const metadata = gatewayMetadata('HTTPRoute', name);
  const health = `httproute/tenants/${name}/rule/1`;
  const forward = (to: string) => ({
    cluster: to,
    upgrade_configs: [{ upgrade_type: 'websocket' }],
  });
  const virtualHost = {
    name: `${listenerName}/${hostName}`,
    domains: [host],
    metadata: gatewayMetadata('Gateway', name),
    routes: [
      {
        name: `httproute/tenants/${name}/rule/1/match/0/${hostName}`,
        match: { path_separated_prefix: '/health' },
        route: forward(health),
        metadata,
      },
      {
        name: `httproute/tenants/${name}/rule/0/match/0/${hostName}`,
        match: { prefix: '/' },
        route: forward(cluster),
        metadata,
      },
    ],
  };
  return {
    clusters: [edsCluster(cluster), edsCluster(health)],
    listener: httpListener(listenerName),
    routes: { name: listenerName, virtual_hosts: [virtualHost] },
  };
}

/** An EDS cluster as Envoy Gateway makes it for a Service. */
function edsCluster(name: string) {
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: { ads: {} }, service_name: name },
    connect_timeout: { seconds: 10 },
  };
}

/** A listener whose connection manager asks for the route configuration of its own name. */
function httpListener(name: string) {
  const manager = {
    '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'http',
    rds: { route_config_name: name, config_source: { ads: {} } },
  };
  const filters = [{ name: 'http', typed_config: manager }];
  return {
    name,
    address: { socket_address: { address: '0.0.0.0', port_value: 10080 } },
    default_filter_chain: { filters },
  };
}

function gatewayMetadata(kind: string, name: string) {
  const resources = [{ kind, namespace: 'tenants', name }];
  return { filter_metadata: { 'envoy-gateway': { resources } } };
}
