import { FieldReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { decodeString } from '../xds/text.ts';
import { forEachField, hasField, stringOf, valuesOf, varintOf } from '../xds/wire.ts';
import { expectLengthDelimited } from '../xds/wire-type.ts';
import { type InvariantReason, repeated, type Violation } from './violation.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight, RequestMirrorPolicy } = fields;
const { UpgradeConfig, UInt32Value, DirectResponseAction, DataSource } = fields;

/** What a virtual host's routes come to: the clusters they name, and what Envoy would not take. */
export interface Findings {
  readonly clusters: Set<string>;
  readonly violations: Violation[];
}

const largestWeight = 2 ** 32 - 1;
const otherActions = new Set(
  [Route.redirect, Route.filter_action, Route.non_forwarding_action].map(({ number }) => number),
);

/**
 * Looks through one Route of a route configuration whose direct responses have bodies of at most
 * `maxBodyBytes`. Throws MalformedMessageError.
 */
export function examineRoute(route: Uint8Array, maxBodyBytes: number, findings: Findings): void {
  const violated = (reason: InvariantReason, detail: string) => {
    const name = stringOf(route, Route.name);
    findings.violations.push({ reason, detail, route: name });
  };
  let hasAction = false;
  const reader = new FieldReader(route);
  while (reader.next()) {
    if (reader.number === Route.route.number) {
      expectLengthDelimited(reader, Route.route);
      examineAction(reader.value(), findings.clusters, violated);
      hasAction = true;
    } else if (reader.number === Route.direct_response.number) {
      expectLengthDelimited(reader, Route.direct_response);
      examineDirectResponse(reader.value(), maxBodyBytes, violated);
      hasAction = true;
    } else if (otherActions.has(reader.number)) hasAction = true;
  }
  if (!hasAction) violated('invariant-route-action', 'the route does nothing with a request');
  if (!hasField(route, Route.match)) {
    violated('invariant-route-action', 'the route does not say which requests it matches');
  }
}

type Violated = (reason: InvariantReason, detail: string) => void;

function examineAction(action: Uint8Array, clusters: Set<string>, violated: Violated): void {
  for (const cluster of valuesOf(action, RouteAction.cluster)) clusters.add(decodeString(cluster));
  forEachField(action, RouteAction.weighted_clusters, (split) => {
    const weight = examineSplit(split, clusters);
    if (weight >= 1 && weight <= largestWeight) return;
    violated('invariant-weights', `the weights of the split sum to ${weight}`);
  });
  forEachField(action, RouteAction.request_mirror_policies, (mirror) => {
    const cluster = stringOf(mirror, RequestMirrorPolicy.cluster);
    if (cluster !== '') clusters.add(cluster);
  });
  const upgrades = valuesOf(action, RouteAction.upgrade_configs).map((config) =>
    stringOf(config, UpgradeConfig.upgrade_type).toLowerCase(),
  );
  for (const upgrade of repeated(upgrades)) {
    violated('invariant-upgrades', `the route configures the upgrade ${upgrade} twice`);
  }
}

/** Answers the sum of the weights. */
function examineSplit(split: Uint8Array, clusters: Set<string>): number {
  let sum = 0;
  forEachField(split, WeightedCluster.clusters, (entry) => {
    const cluster = stringOf(entry, ClusterWeight.name);
    if (cluster !== '') clusters.add(cluster);
    const weight = valuesOf(entry, ClusterWeight.weight).at(-1);
    if (weight !== undefined) sum += varintOf(weight, UInt32Value.value) % 2 ** 32;
  });
  return sum;
}

function examineDirectResponse(
  response: Uint8Array,
  maxBodyBytes: number,
  violated: Violated,
): void {
  const reason = 'invariant-direct-response';
  const status = varintOf(response, DirectResponseAction.status);
  if (status < 200 || status > 599) violated(reason, `it answers with the status ${status}`);
  forEachField(response, DirectResponseAction.body, (body) => {
    for (const field of [DataSource.inline_bytes, DataSource.inline_string]) {
      for (const { length } of valuesOf(body, field)) {
        if (length <= maxBodyBytes) continue;
        violated(reason, `its body has ${length} bytes, and ${maxBodyBytes} are allowed`);
      }
    }
  });
}
