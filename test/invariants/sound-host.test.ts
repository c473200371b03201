import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRouteViolations } from '../../src/invariants/route-configuration.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { isReadable } from '../support/readable.ts';
import { encodeXds } from '../support/xds.ts';

const { RouteConfiguration, VirtualHost } = fields;
const routeType = 'envoy.config.route.v3.Route';
const match = { prefix: '/' };

/**
 * Nothing is wrong with it; but of two upgrades that is not seen at a glance, so a virtual host that
 * gets this route is examined.
 */
const examining = encodeXds(routeType, {
  name: 'examine',
  match,
  route: {
    cluster: 'there',
    upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'spdy/3.1' }],
  },
});

const clusters = ['there', 'north', 'lost', 'offramp-connector-offline', ''];
const pool = [
  ...clusters.map((cluster) => ({ match, route: { cluster } })),
  ...clusters.map((name) => ({
    match,
    route: { weighted_clusters: { clusters: [{ name, weight: { value: 1 } }] } },
  })),
  { match, route: { cluster: 'there', request_mirror_policies: [{ cluster: 'lost' }] } },
  { match, route: { weighted_clusters: { clusters: [{ name: 'there' }] } } },
  { match, direct_response: { status: 503 } },
  { match, direct_response: { status: 99 } },
  { match, direct_response: { status: 200, body: { inline_string: 'x'.repeat(5_000) } } },
  { match, redirect: { path_redirect: '/' } },
  { match },
  { redirect: { path_redirect: '/' } },
].map((route, index) => encodeXds(routeType, { name: `r${index}`, ...route }));

const route = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...pool.slice(0, 2), ...pool.slice(5, 7)) },
  fc.constantFrom(...pool),
);
const routes = fc.array(route, { maxLength: 5 });
const names = fc.array(fc.constantFrom('one', 'two'), { maxLength: 2 });
const domains = fc.array(fc.constantFrom('a', 'A', 'b', 'c', 'd', '*'), { maxLength: 3 });
const host = fc.record({ names, domains, routes }).map((its) => encodeHost(its));

interface Host {
  readonly names: readonly string[];
  readonly domains: readonly string[];
  readonly routes: readonly Uint8Array[];
}

function encodeHost({ names, domains, routes }: Host): Uint8Array {
  return concatenate([
    ...names.map((name) => encodeField(VirtualHost.name, encodeString(name))),
    ...domains.map((domain) => encodeField(VirtualHost.domains, encodeString(domain))),
    ...routes.map((one) => encodeField(VirtualHost.routes, one)),
  ]);
}

/** Virtual hosts before and now: the same with other routes in some places, some with an odd byte. */
const hosts = fc
  .record({
    names,
    domains,
    routes,
    now: fc.option(host, { nil: undefined, freq: 6 }),
    changes: fc.array(fc.tuple(fc.nat(6), fc.nat(1), routes), { maxLength: 2 }),
    odd: fc.option(fc.tuple(fc.nat(300), fc.nat(255)), { nil: undefined, freq: 2 }),
  })
  .map(({ now, changes, odd, ...its }) => {
    const others = [...its.routes];
    for (const [at, without, added] of changes) others.splice(at, without, ...added);
    const after = Uint8Array.from(now ?? encodeHost({ ...its, routes: others }));
    if (odd !== undefined && odd[0] < after.length) after[odd[0]] = odd[1];
    return { before: encodeHost(its), after };
  });

function configurationOf(hosts: readonly Uint8Array[]): Uint8Array {
  return concatenate(hosts.map((one) => encodeField(RouteConfiguration.virtual_hosts, one)));
}

const isMissing = (cluster: string) => cluster === 'lost' || cluster === '';

/** The place where something is malformed is another one behind a longer virtual host. */
function violationsOf(before: Uint8Array, now: readonly Uint8Array[]) {
  return findRouteViolations(before, configurationOf(now), isMissing).map(({ detail, ...its }) => ({
    ...its,
    detail: detail.replaceAll(/at byte \d+/g, 'somewhere'),
  }));
}

describe('a virtual host that is sound at a glance', () => {
  it('has nothing wrong when it is examined', () => {
    fc.assert(
      fc.property(fc.array(hosts, { minLength: 1, maxLength: 3 }), (all) => {
        fc.pre(all.every(({ after }) => isReadable(after)));
        const before = configurationOf(all.map((one) => one.before));
        const now = all.map(({ after }) => after);
        const examined = now.map((one) =>
          concatenate([one, encodeField(VirtualHost.routes, examining)]),
        );
        expect(violationsOf(before, now)).toEqual(violationsOf(before, examined));
      }),
      { numRuns: 2_000 },
    );
  });
});
