import { expect, it } from 'vitest';
import { makeFleet } from '../support/fleet.ts';
import { startTestServer } from '../support/running-server.ts';
import { encodeRequest } from '../support/xds.ts';

/** In a route, as a filter of Envoy Gateway's puts it there. */
const headerText = 'hunter2-of-a-header';
/** In a filter of a listener, where Envoy Gateway writes what a SecurityPolicy asks of clients. */
const keyText = 'hunter2-of-an-api-key';
/** In the snapshot's list of secrets. */
const secretText = 'hunter2-of-the-secrets';

function makeRequest(): Uint8Array {
  const { clusters = [], listeners = [], routes = [] } = makeFleet(2).snapshot;
  const added = [{ header: { key: 'authorization', value: headerText } }];
  const auth = {
    '@type': 'envoy.extensions.filters.http.basic_auth.v3.BasicAuth',
    users: { inline_string: `a-client:${keyText}` },
  };
  const guarded = {
    name: 'tenants/guarded/http',
    address: { socket_address: { address: '0.0.0.0', port_value: 10081 } },
    default_filter_chain: {
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: {
            '@type':
              'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            stat_prefix: 'http',
            rds: { route_config_name: 'tenants/site-0/http', config_source: { ads: {} } },
            http_filters: [{ name: 'envoy.filters.http.basic_auth', typed_config: auth }],
          },
        },
      ],
    },
  };
  return encodeRequest({
    clusters,
    listeners: [...listeners, guarded],
    routes: routes.map((one) => addToRoutes(one, added)),
    secrets: [{ name: 'vault', generic_secret: { secret: { inline_string: secretText } } }],
  });
}

/** The route configuration, each route of which adds these headers to its requests. */
function addToRoutes(configuration: object, request_headers_to_add: readonly object[]): object {
  return JSON.parse(JSON.stringify(configuration), (_, value) =>
    Object.hasOwn(Object(value), 'match') ? { ...value, request_headers_to_add } : value,
  );
}

it('tells nobody of header values and API keys in what it rewrites, however much it logs', async () => {
  const connectors = makeFleet(2).connectors.map(({ connector, routes }) => ({
    ...connector,
    routes,
  }));
  const server = await startTestServer({ connectors }, { log: { level: 'trace' } });
  const answer = await server.call('PostTranslateModify', makeRequest());
  // They went through the rewrite: Envoy gets them, beside what was added.
  for (const text of [headerText, keyText, 'Tunnel not online', 'node-1']) {
    expect(answer.includes(text), text).toBe(true);
  }
  expect(server.log.filter(({ level }) => level <= 20).length).toBeGreaterThan(0);
  expect(server.log.some(({ msg }) => msg === 'changes')).toBe(true);
  const paths = ['/metrics', '/readyz?verbose', '/status', '/status.json', '/status/snapshots/1'];
  const shown = await Promise.all(paths.map((path) => server.get(path)));
  expect(shown.map(({ status }) => status)).toEqual(paths.map(() => 200));
  expect(shown.at(-1)?.text).toContain('site-0');
  const said = [JSON.stringify(server.log), ...shown.map(({ text }) => text)].join('\n');
  for (const text of [headerText, keyText, secretText]) expect(said).not.toContain(text);
});
