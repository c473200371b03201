import { absentCluster } from '../rewrites/offline-connectors/messages.ts';
import { defaultMaxBodyBytes, maxBodyBytesOf } from '../xds/body-limit.ts';
import { spareReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { hasText } from '../xds/text.ts';
import { hasField, stringOf, valuesOf, wrappedBoolOf } from '../xds/wire.ts';
import { ChangedValues, haveEqualValues } from './changed-values.ts';
import { examineRoute, type Findings } from './examine-route.ts';
import { findRepeatedDomains } from './repeated-domains.ts';
import { HostCheck, type HostRules, lookAhead } from './sound-host.ts';
import { introduced, type Violation } from './violation.ts';

const { RouteConfiguration, VirtualHost } = fields;

/** What bytes that are no UTF-8 are read as. */
const notText = '\ufffd';

/** Of one route configuration after the other; nothing that is asked in between lets go of spare readers. */
const changedHosts = new ChangedValues(
  RouteConfiguration.virtual_hosts,
  spareReader(),
  spareReader(),
);
const ofConfiguration = spareReader();

/**
 * What a rewrite made wrong in a route configuration. Throws MalformedMessageError. Whoever asks lets go of
 * spare readers.
 */
export function findRouteViolations(
  before: Uint8Array,
  after: Uint8Array,
  isClusterMissing: (cluster: string) => boolean,
): readonly Violation[] {
  const violations: Violation[] = [];
  const rules = rulesOf(after, isClusterMissing);
  let domainsMayRepeat = false;
  const check = new HostCheck(rules);
  const hosts = changedHosts.over(before, after);
  while (hosts.next()) {
    const was = hosts.before;
    if (was !== undefined && check.isSound(was, hosts.after)) {
      domainsMayRepeat ||= !check.hasEqualDomains;
      continue;
    }
    const host = hosts.after.value();
    const hostBefore = was?.value();
    violations.push(...hostViolations(hostBefore, host, rules));
    domainsMayRepeat ||= hostBefore === undefined || !hasEqualDomains(hostBefore, host);
  }
  if (hosts.countAfter < hosts.countBefore) {
    const detail = `of ${hosts.countBefore} virtual hosts ${hosts.countAfter} are left`;
    violations.push({ reason: 'invariant-resource-lost', detail });
  }
  if (domainsMayRepeat) {
    violations.push(...introduced(findRepeatedDomains(after), () => findRepeatedDomains(before)));
  }
  return violations;
}

/** The clusters that routes name which were not there before. Throws MalformedMessageError. */
export function clustersOfChangedRoutes(
  before: Uint8Array,
  after: Uint8Array,
): ReadonlySet<string> {
  const findings = noFindings();
  const hosts = new ChangedValues(RouteConfiguration.virtual_hosts).over(before, after);
  while (hosts.next()) {
    for (const route of newRoutes(hosts.before?.value(), hosts.after.value())) {
      examineRoute(route, defaultMaxBodyBytes, findings);
    }
  }
  return findings.clusters;
}

/** Every cluster that a route configuration's routes name, as far as they can be read. */
export function clustersOf(routeConfiguration: Uint8Array): ReadonlySet<string> {
  const hosts = valuesOf(routeConfiguration, RouteConfiguration.virtual_hosts);
  return new Set(
    hosts.flatMap((host) => [...examineHost(undefined, host, defaultMaxBodyBytes).clusters]),
  );
}

interface Rules extends HostRules {
  readonly isClusterMissing: (cluster: string) => boolean;
}

/** Read in one walk where a route configuration sets nothing of its own, as Envoy Gateway's do. */
function rulesOf(
  routeConfiguration: Uint8Array,
  isClusterMissing: Rules['isClusterMissing'],
): Rules {
  const { validate_clusters, max_direct_response_body_size_bytes } = RouteConfiguration;
  const reader = ofConfiguration.over(routeConfiguration, 0, routeConfiguration.length);
  let isPlain = true;
  while (isPlain && reader.next()) {
    isPlain =
      reader.number !== validate_clusters.number &&
      reader.number !== max_direct_response_body_size_bytes.number;
  }
  if (isPlain) return { maxBodyBytes: defaultMaxBodyBytes, mayBeAbsent: true, isClusterMissing };
  return {
    maxBodyBytes: maxBodyBytesOf(routeConfiguration),
    mayBeAbsent: wrappedBoolOf(routeConfiguration, validate_clusters) !== true,
    isClusterMissing,
  };
}

function hostViolations(
  before: Uint8Array | undefined,
  after: Uint8Array,
  rules: Rules,
): readonly Violation[] {
  const now = examineHost(before, after, rules.maxBodyBytes);
  const violations = introduced(now.violations, () =>
    before === undefined ? [] : examineHost(undefined, before, rules.maxBodyBytes).violations,
  );
  const missing = missingClusters(now, before, rules);
  return missing.length === 0 ? violations : [...violations, ...withHost(missing, after)];
}

/** Looks through those routes of a virtual host that were not there before. */
function examineHost(
  before: Uint8Array | undefined,
  host: Uint8Array,
  maxBodyBytes: number,
): Findings {
  const findings = noFindings();
  const { clusters, violations } = findings;
  try {
    if (!haveEqualValues(before ?? host, host, VirtualHost.name)) {
      violations.push({ reason: 'invariant-name', detail: 'the virtual host had another name' });
    }
    if (!hasField(host, VirtualHost.domains)) {
      violations.push({ reason: 'invariant-domains', detail: 'the virtual host has no domain' });
    }
    for (const route of newRoutes(before, host)) examineRoute(route, maxBodyBytes, findings);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    violations.push({ reason: 'invariant-unreadable', detail: error.message });
  }
  return { clusters, violations: withHost(violations, host) };
}

/** Names the virtual host that violations are in, as far as that can be read. */
function withHost(violations: Violation[], host: Uint8Array): Violation[] {
  if (violations.length === 0) return violations;
  const virtualHost = nameOf(host);
  return violations.map((violation) => ({ ...violation, virtualHost }));
}

function nameOf(host: Uint8Array): string {
  try {
    return stringOf(host, VirtualHost.name);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return '';
  }
}

function noFindings(): Findings {
  return { clusters: new Set(), violations: [] };
}

/** The routes of a virtual host that were not there before, in the order they are now. */
function newRoutes(before: Uint8Array | undefined, host: Uint8Array): readonly Uint8Array[] {
  const routes = valuesOf(host, VirtualHost.routes);
  if (before === undefined) return routes;
  const known = valuesOf(before, VirtualHost.routes);
  let from = 0;
  return routes.filter((route) => {
    const to = Math.min(known.length, from + lookAhead);
    for (let place = from; place < to; place++) {
      const one = known[place];
      if (one?.length !== route.length || Buffer.compare(one, route) !== 0) continue;
      from = place + 1;
      return false;
    }
    return true;
  });
}

/**
 * Of the clusters that a virtual host did not name before, those that are missing. Envoy Gateway
 * itself names missing ones, and so do we on purpose where that does not get everything rejected.
 */
function missingClusters(
  { clusters }: Findings,
  before: Uint8Array | undefined,
  { mayBeAbsent, isClusterMissing }: Rules,
): Violation[] {
  return [...clusters]
    .filter((cluster) => !cluster.includes(notText)) // no decoder takes it, so nothing can be said
    .filter((cluster) => !(mayBeAbsent && cluster === absentCluster))
    .filter((cluster) => before === undefined || !hasText(before, cluster)) // quick, mostly right
    .filter(isClusterMissing)
    .map((cluster) => ({
      reason: 'invariant-cluster-missing',
      detail: `there is no cluster ${cluster}, to which its routes lead now`,
    }));
}

function hasEqualDomains(before: Uint8Array, after: Uint8Array): boolean {
  try {
    return haveEqualValues(before, after, VirtualHost.domains);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return false;
  }
}
