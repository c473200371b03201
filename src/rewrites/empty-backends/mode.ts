import { type Decided, decideByPolicies } from '../../policy/nearest-policy.ts';
import { type OfframpPolicy, readPolicies } from '../../policy/offramp-policy.ts';
import { type RouteStamp, readStamp } from '../../policy/route-stamp.ts';
import { fields } from '../../xds/fields.ts';
import { readGatewayObject } from '../../xds/gateway-metadata.ts';
import { MalformedMessageError, seenFromOutside } from '../../xds/malformed.ts';
import { readRoute } from '../../xds/route.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';

/** What holds for a route's empty backendRefs, and by whom: a policy, else the configuration. */
export type DecidedMode =
  | Decided
  | (Pick<Decided, 'mode' | 'overruled' | 'outranked'> & {
      readonly level: 'configuration';
      readonly policy?: never;
    });

/** What a virtual host or route is part of, and the mode that holds there so far. */
interface Surroundings {
  readonly report: ReportBuilder;
  readonly place: Place;
  readonly decided: DecidedMode;
}

/** The policies of a snapshot's Gateways and listeners; what is not understood is reported. */
export function readGatewayPolicies(
  { contexts }: Snapshot,
  report: ReportBuilder,
): readonly OfframpPolicy[] {
  try {
    const policies = contexts.flatMap(readPoliciesOfGateways);
    for (const { namespace, name, problems } of policies) {
      const place: Place = { kind: 'policies', resource: `${namespace}/${name}` };
      for (const problem of problems) report.skipped('policy-not-understood', place, problem);
    }
    return policies;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    report.unreadable({ kind: 'policies', index: 0, error });
    return [];
  }
}

function readPoliciesOfGateways(context: Uint8Array): readonly OfframpPolicy[] {
  try {
    return readPolicies(context, 'targetsGateway');
  } catch (error) {
    throw seenFromOutside(error, 'post_translate_context', 0);
  }
}

/** The mode of a virtual host's routes: by a policy of its listener or Gateway, else as it was. */
export function modeOfVirtualHost(
  virtualHost: Uint8Array,
  policies: readonly OfframpPolicy[],
  { report, decided: outer }: Omit<Surroundings, 'place'>,
): DecidedMode {
  if (policies.length === 0) return outer;
  const object = readGatewayObject(virtualHost, fields.VirtualHost.metadata);
  if (object === undefined) return outer;
  const { namespace, name, sectionName: section } = object;
  const decided = decideByPolicies(policies, { kind: 'Gateway', namespace, name, section });
  if (decided === undefined) return outer;
  reportOverruled(decided, report);
  return decided;
}

/** The mode of a route: by the policy stamped into it, else as it was. */
export function modeOfRoute(
  route: Uint8Array,
  { report, place, decided: outer }: Surroundings,
): DecidedMode {
  const stamp = readStamp(route);
  if (stamp === undefined) return outer;
  const at = { ...place, route: readRoute(route).name };
  for (const problem of stamp.problems) report.skipped('policy-not-understood', at, problem);
  if (!isDecided(stamp)) return outer;
  reportOverruled(stamp, report);
  const further =
    outer.level === 'configuration' ? [] : [{ policy: outer.policy, level: outer.level }];
  return { ...stamp, outranked: [...stamp.outranked, ...further, ...outer.outranked] };
}

function isDecided(stamp: RouteStamp): stamp is RouteStamp & Decided {
  return stamp.mode !== undefined;
}

/** At the policy's own place: it lost wherever its target is, and one conflict is told once. */
function reportOverruled({ policy, level, overruled }: Decided, report: ReportBuilder): void {
  for (const loser of overruled) {
    const detail = `has the same target (a ${level}) as ${policy}, which decides: it is older, or first by name`;
    report.skipped('policy-overruled', { kind: 'policies', resource: loser }, detail);
  }
}
