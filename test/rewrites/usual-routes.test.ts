import { expect, it } from 'vitest';
import { type Reading, readHosts } from '../../src/rewrites/offline-connectors/read-hosts.ts';
import { selectRoutes } from '../../src/rewrites/offline-connectors/select-routes.ts';
import { UsualRoutes } from '../../src/rewrites/offline-connectors/usual-routes.ts';
import { everyRoute } from '../../src/rewrites/route-selection.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { indexClusters } from '../../src/xds/cluster-index.ts';
import { encodeField } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { encodeXds } from '../support/xds.ts';

const connector = { name: 'c', online: false } as const;
const claim = { kind: 'HTTPRoute', namespace: 'ns', name: 'app', rule: 0 } as const;
const view = new ConnectorView([{ connector, routes: [claim], clusters: ['named'] }]);

/** Finds no route usual, so that each is read in full. */
class NoneUsual extends UsualRoutes {
  override read() {
    return undefined;
  }
}

const of = (name: string, kind = 'HTTPRoute', namespace = 'ns') => ({
  filter_metadata: { 'envoy-gateway': { resources: [{ kind, namespace, name }] } },
});
const name = 'httproute/ns/app/rule/0/match/0/host';
const metadata = of('app');
const cluster = 'httproute/ns/app/rule/0';
const routes = [
  { name, route: { cluster }, metadata },
  { name: `${name}/offramp-vm`, route: { cluster }, metadata },
  { name, route: { cluster, upgrade_configs: [{ upgrade_type: 'websocket' }] }, metadata },
  { name: 'httproute/ns/app/rule/1/match/0/host', route: { cluster }, metadata },
  { name: 'odd', route: { cluster }, metadata },
  { name, route: { cluster: 'named' }, metadata },
  { name, route: { cluster }, metadata: of('other') },
  { name, route: { cluster }, metadata: of('app', 'GRPCRoute') },
  { name, route: { cluster }, metadata: of('app', '') },
  { name, route: { cluster }, metadata: of('app', 'HTTPRoute', 'other') },
  { name, redirect: { path_redirect: '/' }, metadata },
  { name, route: { weighted_clusters: { clusters: [{ name: cluster }] } }, metadata },
  { route: { cluster }, metadata },
];
const configuration = encodeXds('envoy.config.route.v3.RouteConfiguration', {
  virtual_hosts: [
    { name: 'none' },
    { name: 'some', routes },
    { name: 'again', routes: routes.toReversed() },
  ],
  response_headers_to_remove: ['x-behind-all-virtual-hosts'],
});
const snapshot = readSnapshot(encodeField(fields.PostTranslateModifyRequest.routes, configuration));
const asked = { view, clusters: indexClusters(snapshot) };

function read(toRead: typeof everyRoute, { usual }: Pick<Reading, 'usual'>) {
  const { hosts } = readHosts(configuration, toRead, { asked, usual });
  return hosts.map(({ place, routes: its }) => ({
    place,
    routes: its.map(({ rule, view: { name, matchesConnect, ambiguous }, ...route }) => {
      return { ...route, view: { name, matchesConnect, ambiguous }, isUsual: rule !== undefined };
    }),
  }));
}

function unmarked(hosts: ReturnType<typeof read>) {
  return hosts.map(({ place, routes: its }) => ({
    place,
    routes: its.map(({ isUsual: _, ...route }) => route),
  }));
}

it('are judged as those that are read in full', () => {
  const usual = read(everyRoute, { usual: new UsualRoutes(asked) });
  expect(usual[1]?.routes.filter(({ isUsual }) => isUsual)).toHaveLength(7);
  expect(unmarked(usual)).toEqual(unmarked(read(everyRoute, { usual: new NoneUsual(asked) })));
});

it('are found at the places that a scan noted, as by a walk', () => {
  const [toRead] = selectRoutes(snapshot, view);
  const found = read(toRead ?? everyRoute, { usual: new UsualRoutes(asked) });
  const walked = read(everyRoute, { usual: new UsualRoutes(asked) });
  const hasRoute = (host: number, place: number) => toRead?.hasRoute(host, place) ?? false;
  expect(found).toEqual(
    walked.slice(1).map(({ place: host, routes: its }) => ({
      place: host,
      routes: its.filter(({ place }) => hasRoute(host, place)),
    })),
  );
  expect(found[0]?.routes.length).toBeGreaterThan(0);
});

/** Routes of one rule each, all to one cluster. */
function readRules(to: string, objects: readonly string[]) {
  return readAll(objects.map((object) => ({ name, route: { cluster: to }, metadata: of(object) })));
}

function readAll(rules: readonly object[]) {
  const configured = encodeXds('envoy.config.route.v3.RouteConfiguration', {
    virtual_hosts: [{ name: 'all', routes: rules }],
  });
  const { hosts } = readHosts(configured, everyRoute, { asked, usual: new UsualRoutes(asked) });
  return hosts[0]?.routes ?? [];
}

const numbers = Array.from({ length: 20 }, (_, number) => number);

it('are told apart by their objects where many rules share a cluster', () => {
  const objects = numbers.map((number) => `app-${number}`);
  const read = readRules('shared', objects);
  expect(read.every(({ rule }) => rule !== undefined && rule.before === undefined)).toBe(true);
  expect(read.map(({ identity }) => identity?.object.name)).toEqual(objects);
});

it('are told apart by their clusters where one rule has many', () => {
  const read = readAll(
    numbers.map((number) => ({ name, route: { cluster: `${number}` }, metadata })),
  );
  expect(read.every(({ rule }) => rule !== undefined && rule.before === undefined)).toBe(true);
  expect(read.map(({ forwards }) => forwards[0]?.cluster)).toEqual(numbers.map(String));
});

it('are read in full where the hashes of many rules meet', () => {
  const objects = numbers.map((number) => `ä${number}`); // all that is not ASCII has one hash
  const read = readRules('ü', objects);
  expect(read.filter(({ rule }) => rule !== undefined)).toHaveLength(8);
  expect(read.map(({ identity }) => identity?.object.name)).toEqual(objects);
});
