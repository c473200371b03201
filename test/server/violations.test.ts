import { expect, it } from 'vitest';
import { startTestServer } from '../support/running-server.ts';
import { decodeSnapshot, encodeRequest, requestFromResponse } from '../support/xds.ts';

const berlin = 'httproute/default/berlin/rule/0';
const routes = (name: string, limit: object) => ({
  name,
  ...limit,
  virtual_hosts: [
    {
      name,
      domains: ['*'],
      routes: [{ name: `${berlin}/match/0/x`, match: { prefix: '/' }, route: { cluster: berlin } }],
    },
  ],
});
const tight = routes('tight', { max_direct_response_body_size_bytes: { value: 4 } });
const usual = routes('usual', {});
const state = {
  connectors: [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
};

it('answers without what Envoy would refuse, counts it, and logs it as an error', async () => {
  const server = await startTestServer(state);
  const request = encodeRequest({ clusters: [{ name: berlin }], routes: [tight, usual] });

  const response = await server.call('PostTranslateModify', request);

  const [left, answered] = decodeSnapshot(requestFromResponse(response)).routes ?? [];
  expect(left).toEqual(tight);
  expect(JSON.stringify(answered)).toContain('Tunnel not online');
  const violations = [
    expect.stringMatching(
      /^invariant-direct-response: tight > tight > httproute\S+: its body has 17 bytes, and 4 are/,
    ),
  ];
  expect(server.log).toContainEqual(expect.objectContaining({ level: 50, violations }));
  const { text } = await server.get('/metrics');
  expect(text).toContain(
    'offramp_invariant_violations_total{reason="invariant-direct-response"} 1',
  );
  expect(text).toContain('offramp_connector_offline_routes_total 1');
});
