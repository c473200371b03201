import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeField } from '../../../src/xds/encoding.ts';
import { fields } from '../../../src/xds/fields.ts';
import type { ResourceKind, Snapshot } from '../../../src/xds/snapshot.ts';
import { hasField } from '../../../src/xds/wire.ts';
import { encodeXds } from '../../support/xds.ts';
import { testbedToolPath } from './testbed-cache.ts';

const bootstrap = 'envoy.config.bootstrap.v3.Bootstrap';
const staticResources = { message: bootstrap, name: 'static_resources', number: 2 };
const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Where each sort of resource is in a Bootstrap's static resources. */
const numbers: Readonly<Record<Exclude<ResourceKind, 'routes'>, number>> = {
  listeners: 1,
  clusters: 2,
  secrets: 3,
};

/** The same for every snapshot: whom Envoy would ask for endpoints and secrets, and tunnels. */
const surroundings = encodeXds(bootstrap, {
  node: { id: 'node', cluster: 'cluster' },
  dynamic_resources: {
    ads_config: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'xds-of-the-test' } }],
    },
  },
  static_resources: {
    clusters: [
      {
        name: 'xds-of-the-test',
        connect_timeout: { seconds: '1' },
        load_assignment: { cluster_name: 'xds-of-the-test' },
      },
    ],
  },
  bootstrap_extensions: [
    {
      name: 'envoy.bootstrap.internal_listener',
      typed_config: {
        '@type': 'envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
      },
    },
  ],
});

/**
 * Why a real Envoy would not take a snapshot as its configuration; undefined when it does. Each route
 * configuration is also put into a listener of its own: Envoy does not ask for any when it only looks.
 */
export async function whyEnvoyRefuses(snapshot: Snapshot): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-validate-'));
  try {
    const file = join(folder, 'bootstrap.pb');
    await writeFile(file, encodeBootstrap(snapshot));
    return await runEnvoy(folder, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function encodeBootstrap({ resources }: Snapshot): Uint8Array {
  const parts = [...resources].map(({ kind, value }, place) => {
    const number = numbers[kind === 'routes' ? 'listeners' : kind];
    const resource =
      kind === 'routes' ? listenerWith(value, place) : withAddress(kind, value, place);
    const inside = { message: '', name: kind, number };
    return encodeField(staticResources, encodeField(inside, resource));
  });
  return Buffer.concat([surroundings, ...parts]);
}

const validateNoClusters = encodeXds('envoy.config.route.v3.RouteConfiguration', {
  validate_clusters: { value: false },
});

/** By RDS Envoy lets routes lead to clusters that are not there; inline it does not, unless told. */
function listenerWith(routeConfiguration: Uint8Array, place: number): Uint8Array {
  const says = hasField(routeConfiguration, fields.RouteConfiguration.validate_clusters);
  const routes = says
    ? routeConfiguration
    : Buffer.concat([routeConfiguration, validateNoClusters]);
  const value = Buffer.concat([
    encodeXds(manager, {
      stat_prefix: 'test',
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': 'envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
    }),
    encodeField(fields.HttpConnectionManager.route_config, routes),
  ]);
  const config = Buffer.concat([
    encodeField(fields.Any.type_url, Buffer.from(`type.googleapis.com/${manager}`)),
    encodeField(fields.Any.value, value),
  ]);
  const filter = Buffer.concat([
    encodeField(fields.Filter.name, Buffer.from('manager')),
    encodeField(fields.Filter.typed_config, config),
  ]);
  return Buffer.concat([
    encodeXds(listenerType, { name: `routes-of-the-test-${place}`, address: addressOf(place) }),
    encodeField(fields.Listener.filter_chains, encodeField(fields.FilterChain.filters, filter)),
  ]);
}

const listenerType = 'envoy.config.listener.v3.Listener';
const address = { message: listenerType, name: 'address', number: 2 };

function addressOf(place: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: 20_000 + place } };
}

/** Golden inputs leave out where their listeners listen. */
function withAddress(kind: ResourceKind, resource: Uint8Array, place: number): Uint8Array {
  if (kind !== 'listeners' || hasField(resource, address)) return resource;
  return Buffer.concat([resource, encodeXds(listenerType, { address: addressOf(place) })]);
}

const timeoutMs = 60_000;

async function runEnvoy(folder: string, file: string): Promise<string | undefined> {
  // A file: Envoy opens /dev/stdout for access logs, which a pipe of Node's does not allow.
  const output = await open(join(folder, 'output'), 'w+');
  const envoy = spawn(
    testbedToolPath('envoy'),
    ['--mode', 'validate', '-c', file, '--allow-unknown-static-fields', '-l', 'critical'],
    { stdio: ['ignore', output.fd, output.fd], timeout: timeoutMs },
  );
  const [code, signal] = await once(envoy, 'close');
  await output.close();
  if (code === 0) return undefined;
  const said = await readFile(join(folder, 'output'), 'utf8');
  return said.trim() || `Envoy ended with ${code ?? signal}`;
}
