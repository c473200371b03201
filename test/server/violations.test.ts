import { expect, it } from 'vitest';
import type { Config } from '../../src/config/schema.ts';
import { startTestServer } from '../support/running-server.ts';
import { decodeSnapshot, encodeRequest, requestFromResponse } from '../support/xds.ts';

const berlin = 'httproute/default/berlin/rule/0';
const paris = 'httproute/default/paris/rule/0';
const routesTo = (cluster: string, name: string) => ({
  name,
  virtual_hosts: [
    {
      name,
      domains: ['*'],
      routes: [{ name: `${cluster}/match/0/x`, match: { prefix: '/' }, route: { cluster } }],
    },
  ],
});
const [offline, online] = [routesTo(berlin, 'offline'), routesTo(paris, 'online')];
const route = (name: string) => ({ kind: 'HTTPRoute', name });
const state = {
  connectors: [
    { name: 'berlin', online: false, routes: [route('berlin')] },
    {
      name: 'paris',
      online: true,
      tunnel: { host: 'localhost', port: 8080, endpointId: 'node-paris' },
      routes: [route('paris')],
    },
  ],
};

/** Envoy answers with 200 to 599. */
const withoutSense = (config: Config): Config => {
  const { connectors } = config;
  const offlineResponse = { ...connectors.offlineResponse, status: 42 };
  return { ...config, connectors: { ...connectors, offlineResponse } };
};

it('answers without what Envoy would refuse, counts it, and logs it as an error', async () => {
  const server = await startTestServer(state, {}, withoutSense);
  const request = encodeRequest({
    clusters: [{ name: berlin }, { name: paris }],
    routes: [offline, online],
  });

  const response = await server.call('PostTranslateModify', request);

  const answer = decodeSnapshot(requestFromResponse(response));
  expect(answer.routes?.[0]).toEqual(offline);
  expect(JSON.stringify(answer.clusters?.[1])).toContain('node-paris');
  const violations = [
    expect.stringMatching(
      /^invariant-direct-response: offline > offline > httproute\S+: it answers with the status 42/,
    ),
  ];
  expect(server.log).toContainEqual(expect.objectContaining({ level: 50, violations }));
  const { text } = await server.get('/metrics');
  expect(text).toContain(
    'offramp_invariant_violations_total{reason="invariant-direct-response"} 1',
  );
  expect(text).toContain('offramp_connector_offline_routes_total 0');
  expect(text).toContain('offramp_connector_clusters_replaced_total 1');
});
