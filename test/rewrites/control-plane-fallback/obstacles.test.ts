import { describe, expect, it } from 'vitest';
import { encodeField, encodeString } from '../../../src/xds/encoding.ts';
import { fields } from '../../../src/xds/fields.ts';
import { readSnapshot } from '../../../src/xds/snapshot.ts';
import { addFallback, vmOptedIn, vmRoute, vmSnapshot } from '../../support/fallback-snapshot.ts';
import { encodeRequest, encodeXds } from '../../support/xds.ts';

const { Cluster, PostTranslateModifyRequest } = fields;

/** Why everything stays as it came; fails when a byte of it does not. */
function reasonsToLeave(request: Uint8Array): readonly string[] {
  const came = readSnapshot(request);
  const { snapshot, report } = addFallback(came, vmOptedIn);
  expect(report.changes).toEqual([]);
  expect(snapshot.resources).toBe(came.resources);
  return report.skips.map(({ reason }) => reason);
}

it('adds no route when a listener cannot be read: it may serve it without the filters', () => {
  const bad = encodeField(PostTranslateModifyRequest.listeners, Buffer.from([0x1a, 0x7f]));
  const request = Buffer.concat([encodeRequest(vmSnapshot), bad]);
  expect(reasonsToLeave(request)).toEqual(['malformed-resource', 'fallback-without-listener']);
});

describe('a route is left alone when one of its clusters could not get the filter', () => {
  const name = 'httproute/default/vm/rule/0';
  const withoutClusters = encodeRequest({ ...vmSnapshot, clusters: [] });
  const withCluster = (...parts: readonly Uint8Array[]) => {
    const cluster = Buffer.concat([encodeField(Cluster.name, encodeString(name)), ...parts]);
    return Buffer.concat([
      encodeField(PostTranslateModifyRequest.clusters, cluster),
      withoutClusters,
    ]);
  };
  const part = (plain: object) => encodeXds('envoy.config.cluster.v3.Cluster', plain);
  const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const options = part({ typed_extension_protocol_options: { [type]: { '@type': type } } });

  it.each([
    ['http_protocol_options', {}],
    ['http2_protocol_options', {}],
    ['common_http_protocol_options', { idle_timeout: { seconds: 1 } }],
    ['upstream_http_protocol_options', { auto_sni: true }],
    ['protocol_selection', 1],
  ])(
    'because of %s, which Envoy would ignore then; not when it ignores it already',
    (field, value) => {
      expect(reasonsToLeave(withCluster(part({ [field]: value })))).toEqual([
        'former-protocol-options',
      ]);
      const { report } = addFallback(
        readSnapshot(withCluster(options, part({ [field]: value }))),
        vmOptedIn,
      );
      expect(report.skips).toEqual([]);
      expect(report.changes.map(({ effect }) => effect)).toContain('vm-cluster-prepared');
    },
  );

  it('because it has its options twice', () => {
    expect(reasonsToLeave(withCluster(options, options))).toEqual(['ambiguous-encoding']);
  });

  it('because its options are no message', () => {
    const bad = encodeField(Cluster.typed_extension_protocol_options, Buffer.from([0x0a, 0x7f]));
    expect(reasonsToLeave(withCluster(bad))).toEqual(['malformed-resource']);
  });

  it('names the route and the cluster', () => {
    const { report } = addFallback(
      readSnapshot(withCluster(part({ http2_protocol_options: {} }))),
      vmOptedIn,
    );
    expect(report.skips).toMatchObject([
      { place: { kind: 'routes', route: vmRoute.name }, detail: expect.stringContaining(name) },
    ]);
  });
});
