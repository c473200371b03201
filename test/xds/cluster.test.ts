import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterBackends,
  hasUsableEndpoint,
  readClusterName,
  readClusterNames,
  speaksHttp2,
} from '../../src/xds/cluster.ts';
import { indexClusters } from '../../src/xds/cluster-index.ts';
import { hashText } from '../../src/xds/name-hash.ts';
import { mapResources, readSnapshot } from '../../src/xds/snapshot.ts';
import { encodeRequest, encodeXds, resourcesOf } from '../support/xds.ts';
import { lengthDelimited } from './arbitrary-message.ts';

const cluster = (value: object) => encodeXds('envoy.config.cluster.v3.Cluster', value);
const routeConfiguration = 'envoy.config.route.v3.RouteConfiguration';
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

describe('an index of clusters', () => {
  it('has what reading all of them has: the last of each name, without the unreadable ones', () => {
    const request = Buffer.concat([
      encodeRequest({ clusters: [{ name: 'a' }, { name: 'b' }, { name: 'é' }, { name: 'ü' }] }),
      lengthDelimited(2, Uint8Array.of(0x0e)),
      encodeRequest({ clusters: [{ name: 'a', type: 'EDS' }] }),
    ]);
    const snapshot = readSnapshot(request);
    const index = indexClusters(snapshot);
    for (const [name, value] of readClusterNames(snapshot)) {
      expect(Buffer.from(index.get(name) ?? [])).toEqual(Buffer.from(value));
    }
    expect([index.has('a'), index.has('c'), index.has('ö')]).toEqual([true, false, false]);
  });

  it('has the same of however many, whatever names they share', () => {
    const names = fc.array(fc.oneof(fc.nat(20).map(String), fc.string({ maxLength: 3 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(names, (clusters) => {
        const snapshot = readSnapshot(
          encodeRequest({ clusters: clusters.map((name) => ({ name })) }),
        );
        const index = indexClusters(snapshot);
        const read = readClusterNames(snapshot);
        for (const name of [...clusters, 'another']) {
          expect(index.get(name)).toBe(read.get(name));
          const found: Uint8Array[] = [];
          index.someListing(hashText(name), (cluster) => found.push(cluster) === 0);
          expect(found).toEqual(
            [...snapshot.resources.lists.clusters]
              .filter((value) => hashText(readClusterName(value)) === hashText(name))
              .reverse(),
          );
        }
      }),
    );
  });

  it('tells those that may list their endpoints themselves from those of EDS', () => {
    const clusters = [
      { name: 'eds', type: 'EDS' },
      { name: 'static', type: 'STATIC' },
      { name: 'custom', type: 'EDS', cluster_type: { name: 'envoy.cluster.dns' } },
    ];
    const index = indexClusters(readSnapshot(encodeRequest({ clusters })));
    const listing = clusters.filter(({ name }) => index.someListing(hashText(name), () => true));
    expect(listing.map(({ name }) => name)).toEqual(['static', 'custom']);
  });
});

describe('the index of a snapshot’s clusters', () => {
  const snapshot = readSnapshot(
    encodeRequest({ clusters: [{ name: 'a' }, { name: 'b' }], routes: [{ name: 'r' }] }),
  );
  const rename = (kind: 'clusters' | 'routes', at: number, value: Uint8Array) =>
    mapResources(snapshot, kind, {
      rewrite: (its, index) => (index === at ? value : its),
      unreadable: () => {},
    });

  it('is the same one as long as no cluster is another', () => {
    const routed = rename('routes', 0, encodeXds(routeConfiguration, { name: 's' }));
    expect(routed).not.toBe(snapshot);
    expect(indexClusters(routed)).toBe(indexClusters(snapshot));
  });

  it('is another one as soon as one cluster is, or is not there', () => {
    const known = indexClusters(snapshot);
    const clustered = indexClusters(rename('clusters', 1, cluster({ name: 'c' })));
    expect([clustered.has('b'), clustered.has('c')]).toEqual([false, true]);
    expect(known.has('b')).toBe(true);
    const shorter = { ...snapshot, resources: resourcesOf([...snapshot.resources].slice(0, 1)) };
    expect(indexClusters(shorter).has('b')).toBe(false);
  });

  it('tells the hash of the name at each place, of what cannot be read none', () => {
    const request = Buffer.concat([
      encodeRequest({ routes: [{ name: 'r' }], clusters: [{ name: 'a' }] }),
      lengthDelimited(2, Uint8Array.of(0x0e)),
      encodeRequest({ clusters: [{ name: 'b' }] }),
    ]);
    const index = indexClusters(readSnapshot(request));
    const hashes = [0, 1, 2, 3].map((place) => index.hashAt(place));
    expect(hashes).toEqual([hashText('a'), undefined, hashText('b'), undefined]);
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

describe('whether an endpoint of a cluster takes requests', () => {
  const assignment = (...statuses: number[]) => ({
    endpoints: [{ lb_endpoints: statuses.map((health_status) => ({ health_status })) }],
  });
  const STATIC = 0;
  const [UNKNOWN, HEALTHY, UNHEALTHY, DRAINING, TIMEOUT, DEGRADED] = [0, 1, 2, 3, 4, 5] as const;

  it.each([
    ['UNKNOWN', UNKNOWN, true],
    ['HEALTHY', HEALTHY, true],
    ['UNHEALTHY', UNHEALTHY, false],
    ['DRAINING', DRAINING, false],
    ['TIMEOUT', TIMEOUT, false],
    ['DEGRADED', DEGRADED, true],
  ])('is told by its status: %s', (_name, status, usable) => {
    const load_assignment = assignment(status);
    expect(hasUsableEndpoint(cluster({ type: STATIC, load_assignment }))).toBe(usable);
  });

  it('is so as soon as one of them does', () => {
    const one = assignment(DRAINING, HEALTHY, UNHEALTHY);
    expect(hasUsableEndpoint(cluster({ type: STATIC, load_assignment: one }))).toBe(true);
    expect(hasUsableEndpoint(cluster({ type: STATIC, load_assignment: assignment() }))).toBe(false);
    expect(hasUsableEndpoint(cluster({ type: STATIC }))).toBe(false);
  });

  const load_assignment = assignment();
  it.each([
    ['EDS', cluster({ type: 3, load_assignment })],
    ['ORIGINAL_DST', cluster({ type: 4, load_assignment })],
    ['a custom type', cluster({ cluster_type: { name: 'other' }, load_assignment })],
    [
      'a type and a custom type, of which the last one counts',
      Buffer.concat([
        cluster({ cluster_type: { name: 'envoy.cluster.dns' }, load_assignment }),
        cluster({ type: 3 }),
      ]),
    ],
    [
      'two lists, which decoders merge',
      Buffer.concat([cluster({ type: STATIC, load_assignment }), cluster({ load_assignment })]),
    ],
    [
      'a list that comes from elsewhere',
      cluster({
        type: STATIC,
        load_assignment: {
          endpoints: [{ leds_cluster_locality_config: { leds_collection_name: 'x' } }],
        },
      }),
    ],
    [
      'a list in another field',
      cluster({
        type: STATIC,
        load_assignment: { endpoints: [{ load_balancer_endpoints: { lb_endpoints: [] } }] },
      }),
    ],
  ])('cannot be told of %s', (_name, bytes) => {
    expect(hasUsableEndpoint(bytes)).toBeUndefined();
  });
});
