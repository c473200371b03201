import { describe, expect, it } from 'vitest';
import {
  clusterBackends,
  readClusterName,
  readClusterNames,
  speaksHttp2,
} from '../../src/xds/cluster.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { encodeRequest, encodeXds } from '../support/xds.ts';
import { lengthDelimited } from './arbitrary-message.ts';

const cluster = (value: object) => encodeXds('envoy.config.cluster.v3.Cluster', value);
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

describe('cluster names', () => {
  it('are read, "" where there is none', () => {
    expect(readClusterName(cluster({ name: 'httproute/a/b/rule/0', type: 'EDS' }))).toBe(
      'httproute/a/b/rule/0',
    );
    expect(readClusterName(cluster({}))).toBe('');
  });

  it('lead to the clusters of a snapshot; other lists and unreadable clusters are passed over', () => {
    const request = Buffer.concat([
      encodeRequest({ clusters: [{ name: 'a' }, { name: 'b' }], listeners: [{ name: 'l' }] }),
      lengthDelimited(2, Uint8Array.of(0x0e)),
      encodeRequest({ clusters: [{ name: 'c' }] }),
    ]);
    const names = readClusterNames(readSnapshot(request));
    expect([...names.keys()]).toEqual(['a', 'b', 'c']);
    expect(names.get('b') && Buffer.from(names.get('b') ?? [])).toEqual(
      Buffer.from(cluster({ name: 'b' })),
    );
  });
});

describe('the backendRefs whose endpoints a cluster lists', () => {
  const listing = (...regions: (string | undefined)[]) =>
    cluster({
      load_assignment: {
        cluster_name: 'httproute/a/b/rule/0',
        endpoints: regions.map((region) => (region === undefined ? {} : { locality: { region } })),
      },
    });

  it('are told by the regions of its localities, in order', () => {
    const regions = ['httproute/a/b/rule/0/backend/2', 'httproute/a/b/rule/0/backend/0'];
    expect(clusterBackends(listing(...regions))).toEqual([2, 0]);
  });

  it.each([
    ['an EDS cluster', cluster({ name: 'a', type: 'EDS' })],
    ['an assignment without localities', listing()],
    ['a locality without a name', listing('httproute/a/b/rule/0/backend/0', undefined)],
    ['a real region', listing('httproute/a/b/rule/0/backend/0', 'eu-north-1')],
    ['a name without a backend', listing('httproute/a/b/rule/0')],
  ])('are unknown for %s', (_name, bytes) => {
    expect(clusterBackends(bytes)).toBeUndefined();
  });
});

describe('HTTP/2 to the endpoints', () => {
  const withOptions = (key: string, options: object) =>
    cluster({ name: 'a', typed_extension_protocol_options: { [key]: options } });
  const key = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

  it.each([
    ['the old field', cluster({ http2_protocol_options: {} })],
    [
      'the protocol options',
      withOptions(key, {
        '@type': httpOptions,
        explicit_http_config: { http2_protocol_options: {} },
      }),
    ],
  ])('is spoken when %s say so', (_name, bytes) => {
    expect(speaksHttp2(bytes)).toBe(true);
  });

  it.each([
    ['a plain cluster', cluster({ name: 'a' })],
    [
      'explicit HTTP/1.1',
      withOptions(key, {
        '@type': httpOptions,
        explicit_http_config: { http_protocol_options: {} },
      }),
    ],
    ['options without a protocol', withOptions(key, { '@type': httpOptions })],
    [
      'the client’s own protocol',
      withOptions(key, {
        '@type': httpOptions,
        use_downstream_protocol_config: { http2_protocol_options: {} },
      }),
    ],
    [
      'options of another type whose field 3 has a field 2',
      withOptions('other', {
        '@type': 'envoy.config.route.v3.Route',
        redirect: { path_redirect: '/' },
      }),
    ],
  ])('is not spoken by %s', (_name, bytes) => {
    expect(speaksHttp2(bytes)).toBe(false);
  });
});
