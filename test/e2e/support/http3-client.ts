import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startProcess } from './child-process.ts';
import { acceptsConnections, freePort } from './free-ports.ts';
import type { Listening } from './listen.ts';
import { testbedToolPath } from './testbed-cache.ts';
import { waitFor } from './wait-for.ts';

/** Where an HTTP/3 client connects to. */
export interface Http3Target {
  readonly port: number;
  readonly serverName: string;
  /** The certificate to trust, in PEM. */
  readonly ca: string;
}

/** Names the protocol between this client and its target, in each answer. */
export const PROTOCOL_HEADER = 'x-upstream-protocol';

const TYPE = 'type.googleapis.com/envoy.extensions';

/**
 * An HTTP/3 client: Node has none, so a second Envoy takes HTTP/1.1 on a port of its own and sends
 * it on over QUIC, CONNECT included.
 */
export async function startHttp3Client(target: Http3Target): Promise<Listening> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-http3-'));
  const port = await freePort();
  const file = join(folder, 'envoy.yaml');
  await writeFile(file, stringify(envoyConfiguration(port, target)));
  const envoy = await startProcess({
    name: 'the HTTP/3 client',
    command: testbedToolPath('envoy'),
    args: ['-c', file, '--disable-hot-restart', '--concurrency', '1'],
  });
  const stop = async () => {
    await envoy.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const up = async () => envoy.ending() ?? (await acceptsConnections(port));
    const ended = await waitFor('the HTTP/3 client to listen', up, { timeoutMs: 20_000 });
    if (ended !== true) throw new Error(`the HTTP/3 client ended with ${ended}`);
  } catch (cause) {
    await stop();
    throw new Error(`testbed: no HTTP/3 client:\n${envoy.log().slice(-4_000)}`, { cause });
  }
  return { port, stop };
}

function envoyConfiguration(port: number, target: Http3Target): object {
  const connect = [{ upgrade_type: 'CONNECT' }];
  const protocol = { key: PROTOCOL_HEADER, value: '%UPSTREAM_PROTOCOL%' };
  const routes = [
    { match: { connect_matcher: {} }, route: { cluster: 'target', upgrade_configs: connect } },
    { match: { prefix: '/' }, route: { cluster: 'target' } },
  ];
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'client',
    upgrade_configs: connect,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes }],
      response_headers_to_add: [{ header: protocol }],
    },
    http_filters: [
      { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
    ],
  };
  const listener = {
    address: addressOf(port),
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return { static_resources: { listeners: [listener], clusters: [quicCluster(target)] } };
}

function quicCluster({ port, serverName, ca }: Http3Target): object {
  return {
    name: 'target',
    load_assignment: {
      cluster_name: 'target',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(port) } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http3_protocol_options: {} },
      },
    },
    transport_socket: {
      name: 'envoy.transport_sockets.quic', // Envoy goes by this name
      typed_config: {
        '@type': `${TYPE}.transport_sockets.quic.v3.QuicUpstreamTransport`,
        upstream_tls_context: {
          sni: serverName,
          common_tls_context: { validation_context: { trusted_ca: { inline_string: ca } } },
        },
      },
    },
  };
}

function addressOf(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
