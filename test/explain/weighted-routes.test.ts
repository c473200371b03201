import { describe, expect, it } from 'vitest';
import { describeSplits } from '../../src/explain/split-lines.ts';
import { stampRoute } from '../../src/policy/route-stamp.ts';
import {
  describeSplit,
  type SplitVerdict,
} from '../../src/rewrites/empty-backends/describe-split.ts';
import { rewriteSnapshot, type State } from '../../src/rewrites/pipeline.ts';
import { lookUpStated, type StatedBackendRef } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { resourceTypes } from '../../src/xds/resource-types.ts';
import { mapResources, readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';
import { mapFields } from '../../src/xds/wire.ts';
import { readGoldenInput } from '../support/golden-input.ts';
import { encodeRequest, encodeXds } from '../support/xds.ts';

const gateway = {
  resources: [{ kind: 'Gateway', namespace: 'default', name: 'eg', sectionName: 'http' }],
};
const cluster = (backend: number) => `httproute/default/shop/rule/0/backend/${backend}`;

interface Entry {
  readonly name: string;
  readonly weight: number;
}

/** A snapshot with one rule, `shop`, in `hosts` routes. */
function snapshotOf(entries: readonly Entry[], hosts = 1): Snapshot {
  const routes = Array.from({ length: hosts }, (_, host) => ({
    name: `httproute/default/shop/rule/0/match/${host}/example_com`,
    match: { prefix: '/' },
    route: {
      weighted_clusters: {
        clusters: entries.map(({ name, weight }) => ({ name, weight: { value: weight } })),
      },
    },
  }));
  const virtualHost = {
    name: 'default/eg/http/example_com',
    domains: ['example.com'],
    routes,
    metadata: { filter_metadata: { 'envoy-gateway': gateway } },
  };
  const configuration = { name: 'default/eg/http', virtual_hosts: [virtualHost] };
  return readSnapshot(encodeRequest({ routes: [configuration] }));
}

const shop = { kind: 'HTTPRoute', namespace: 'default', name: 'shop', rule: 0 } as const;

function stateOf(refs: readonly (readonly [number, StatedBackendRef['verdict']])[]): State {
  const stated = refs.map(([weight, verdict], backend) => ({
    ...shop,
    backend,
    weight,
    verdict,
    detail: `${backend} is ${verdict}`,
  }));
  return { connectors: ConnectorView.empty, backendRefs: lookUpStated(stated) };
}

function verdicts(snapshot: Snapshot, state: State, mode: 'Rebalance' | 'Keep' = 'Rebalance') {
  const { settings } = readGoldenInput('empty-backends', 'mode-keep');
  const asked = {
    ...settings,
    emptyBackends: { ...settings.emptyBackends, mode },
    everySplit: true,
  };
  return rewriteSnapshot(snapshot, state, asked).splits.map(describeSplit);
}

function tell(splits: readonly SplitVerdict[]): string {
  const { eventful, quiet } = describeSplits(splits);
  return [...eventful.flatMap(({ title, lines }) => [title, ...lines]), ...quiet].join('\n');
}

const goodAndEmpty = [
  { name: cluster(0), weight: 60 },
  { name: 'invalid-backend-cluster', weight: 40 },
];
const known = stateOf([
  [60, 'ready'],
  [40, 'empty'],
]);

describe('of a weighted route explain says', () => {
  it('what each backendRef is taken for, and what became of it', () => {
    const entries = [
      { name: cluster(0), weight: 30 },
      { name: cluster(1), weight: 0 },
      { name: cluster(2), weight: 10 },
      { name: 'invalid-backend-cluster', weight: 60 },
    ];
    const state = stateOf([
      [30, 'ready'],
      [0, 'ready'],
      [10, 'unready'],
      [50, 'empty'],
      [10, 'invalid'],
    ]);
    expect(tell(verdicts(snapshotOf(entries), state))).toBe(`httproute/default/shop/rule/0
Rebalance by the configuration
  0  weight 30  ready       gains   0 is ready
  1  weight  0  ready       stays   1 is ready
  2  weight 10  unready     leaves  2 is unready
  3  weight 50  empty       leaves  3 is empty
  4  weight 10  invalid     stays   4 is invalid`);
  });

  it('that all stay where Keep holds, with the same verdicts', () => {
    expect(tell(verdicts(snapshotOf(goodAndEmpty), known, 'Keep'))).toBe(
      `httproute/default/shop/rule/0
Keep by the configuration
  0  weight 60  ready       stays   0 is ready
  1  weight 40  empty       stays   1 is empty`,
    );
  });

  it('that a custom backend joins, and gets its share', () => {
    const entries = [{ name: 'invalid-backend-cluster', weight: 50 }];
    const state = stateOf([
      [50, 'custom'],
      [50, 'empty'],
    ]);
    const snapshot = snapshotOf(entries);
    const custom = encodeXds(resourceTypes.clusters, { name: cluster(0) });
    const withCluster = { ...snapshot, resources: snapshot.resources.plus('clusters', [custom]) };
    expect(tell(verdicts(withCluster, state))).toContain('0  weight 50  custom      joins ');
  });

  it('what could not be resolved, and why', () => {
    expect(tell(verdicts(snapshotOf(goodAndEmpty), stateOf([])))).toBe(
      `httproute/default/shop/rule/0
Rebalance by the configuration
  0  weight 60  unresolved  stays   nothing tells of its endpoints; Envoy Gateway has ${cluster(0)} in the split
  -  weight 40  unresolved  stays   left out by Envoy Gateway: empty or invalid, which of them nothing tells
left as it is: backend-refs-unknown: no state source tells which of the backendRefs left out are empty and which invalid: configure state.kubernetes, or state backendRefs in the state file; with Kubernetes, /readyz?verbose says what may not be read`,
    );
  });

  it('what Envoy Gateway takes for invalid, whatever the state says', () => {
    const golden = (behaviour: string) => {
      const { request, state } = readGoldenInput('empty-backends', behaviour);
      return tell(verdicts(readSnapshot(request), state));
    };
    expect(golden('hook-left-out-answered-500-stays')).toMatch(
      /1 {2}weight 40 {2}invalid +stays +.*, but Envoy Gateway takes it for invalid$/m,
    );
    expect(golden('left-out-answered-500-needs-no-state')).toMatch(
      /- {2}weight 40 {2}invalid +stays +left out by Envoy Gateway as invalid$/m,
    );
  });

  it('that endpoints in the snapshot count more than the state', () => {
    const { request, settings, state } = readGoldenInput(
      'empty-backends',
      'cluster-that-lists-no-endpoint-leaves',
    );
    const asked = { ...settings, everySplit: true };
    const told = tell(
      rewriteSnapshot(readSnapshot(request), state, asked).splits.map(describeSplit),
    );
    expect(told).toMatch(/unready +leaves +\S+ has no usable endpoint/);
  });

  it('nothing of another route’s backendRef by the state of its own', () => {
    const foreign = 'httproute/default/other/rule/0/backend/1';
    const entries = [
      { name: cluster(0), weight: 60 },
      { name: foreign, weight: 40 },
    ];
    const told = tell(verdicts(snapshotOf(entries), known));
    expect(told).not.toContain('leaves');
  });

  it('one line when all is well, however many routes its matches and hosts make', () => {
    const entries = [0, 1].map((backend) => ({ name: cluster(backend), weight: 50 }));
    const state = stateOf([
      [50, 'ready'],
      [50, 'ready'],
    ]);
    expect(tell(verdicts(snapshotOf(entries, 3), state))).toBe(
      'httproute/default/shop/rule/0 (3 routes): 50 ready, 50 ready; Rebalance by the configuration',
    );
  });

  it('nothing of the quiet ones but their number, when there are too many', () => {
    const [split] = verdicts(
      snapshotOf([{ name: cluster(0), weight: 1 }]),
      stateOf([[1, 'ready']]),
    );
    if (split === undefined) throw new Error('no weighted route');
    const many = Array.from({ length: 1_000 }, (_, at) => ({
      ...split,
      place: { ...split.place, route: `httproute/default/shop-${at}/rule/0/match/0/x` },
    }));
    const told = tell([...many, ...verdicts(snapshotOf(goodAndEmpty), known)]).split('\n');
    expect(told[0]).toBe('httproute/default/shop/rule/0');
    expect(told).toHaveLength(4 + 20 + 1);
    expect(told.at(-1)).toContain('and 980 more');
  });
});

describe('of the policies of a weighted route explain says', () => {
  const policy = (name: string, created: string, targets: readonly object[], mode: string) => {
    const { ExtensionResource, PostTranslateExtensionContext } = fields;
    const metadata = {
      namespace: 'default',
      name,
      creationTimestamp: `${created}-01-01T00:00:00Z`,
    };
    const json = JSON.stringify({
      apiVersion: 'offramp.dev/v1alpha1',
      kind: 'OfframpPolicy',
      metadata,
      spec: { targetRefs: targets, emptyBackends: { mode } },
    });
    return encodeField(
      PostTranslateExtensionContext.extension_resources,
      encodeField(ExtensionResource.unstructured_bytes, encodeString(json)),
    );
  };
  const toGateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' };
  const toListener = { ...toGateway, sectionName: 'http' };
  const contexts = [
    Buffer.concat([
      policy('all', '2026', [toGateway], 'Keep'),
      policy('listener', '2026', [toListener], 'Rebalance'),
      policy('late', '2027', [toListener], 'Keep'),
    ]),
  ];
  const withPolicies = { ...snapshotOf(goodAndEmpty), contexts };
  const withStamp = mapResources(withPolicies, 'routes', {
    rewrite: (configuration) =>
      mapFields(configuration, fields.RouteConfiguration.virtual_hosts, (host) =>
        mapFields(host, fields.VirtualHost.routes, (route) =>
          stampRoute(route, {
            policy: 'default/rule',
            mode: 'Keep',
            level: 'rule',
            overruled: ['default/rule-too'],
            outranked: [{ policy: 'default/route', level: 'route' }],
            problems: [],
          }),
        ),
      ),
    unreadable: () => expect.unreachable(),
  });

  it('which decided at which level, and which were overruled', () => {
    expect(tell(verdicts(withPolicies, known)).split('\n')[1]).toBe(
      'Rebalance by default/listener (listener), before default/all (gateway); ' +
        'overruled: default/late (listener)',
    );
  });

  it('each that a nearer one came before, out to the Gateway', () => {
    expect(tell(verdicts(withStamp, known)).split('\n')[1]).toBe(
      'Keep by default/rule (rule), before default/route (route), default/listener (listener), ' +
        'default/all (gateway); overruled: default/rule-too (rule)',
    );
  });

  it('also of a route’s conflict, at the loser', () => {
    const { settings } = readGoldenInput('empty-backends', 'mode-keep');
    const { skips } = rewriteSnapshot(withStamp, known, settings).report;
    const losers = skips.map(({ reason, place }) => `${reason} ${place.resource}`);
    expect(losers).toEqual(['policy-overruled default/late', 'policy-overruled default/rule-too']);
  });

  it('the conflict once, at the loser, however many routes it concerns', () => {
    const { settings } = readGoldenInput('empty-backends', 'mode-keep');
    const many = { ...snapshotOf(goodAndEmpty, 50), contexts };
    const { skips } = rewriteSnapshot(many, known, settings).report;
    expect(skips).toEqual([
      {
        rewrite: 'empty-backends',
        reason: 'policy-overruled',
        place: { kind: 'policies', resource: 'default/late' },
        detail:
          'has the same target (a listener) as default/listener, which decides: ' +
          'it is older, or first by name',
      },
    ]);
  });
});
