import { decideByPolicies } from '../../policy/nearest-policy.ts';
import {
  type EmptyBackendsMode,
  type OfframpPolicy,
  readPolicies,
} from '../../policy/offramp-policy.ts';
import { readStamp } from '../../policy/route-stamp.ts';
import { fields } from '../../xds/fields.ts';
import { readGatewayObject } from '../../xds/gateway-metadata.ts';
import { insideField, MalformedMessageError } from '../../xds/malformed.ts';
import { readRoute } from '../../xds/route.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';

/** What a virtual host or route is part of, and the mode that holds there so far. */
interface Surroundings {
  readonly report: ReportBuilder;
  readonly place: Place;
  readonly mode: EmptyBackendsMode;
}

/** The policies of a snapshot's Gateways and listeners; what is not understood is reported. */
export function readGatewayPolicies(
  { contexts }: Snapshot,
  report: ReportBuilder,
): readonly OfframpPolicy[] {
  try {
    const policies = contexts.flatMap((context) =>
      insideField('post_translate_context', 0, () => readPolicies(context, 'targetsGateway')),
    );
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

/** The mode of a virtual host's routes: by a policy of its listener or Gateway, else as it was. */
export function modeOfVirtualHost(
  virtualHost: Uint8Array,
  policies: readonly OfframpPolicy[],
  { report, place, mode }: Surroundings,
): EmptyBackendsMode {
  if (policies.length === 0) return mode;
  const object = readGatewayObject(virtualHost, fields.VirtualHost.metadata);
  if (object === undefined) return mode;
  const { namespace, name, sectionName: section } = object;
  const decided = decideByPolicies(policies, { kind: 'Gateway', namespace, name, section });
  if (decided === undefined) return mode;
  reportOverruled(decided, { report, place });
  return decided.mode;
}

/** The mode of a route: by the policy stamped into it, else as it was. */
export function modeOfRoute(
  route: Uint8Array,
  { report, place, mode }: Surroundings,
): EmptyBackendsMode {
  const stamp = readStamp(route);
  if (stamp === undefined) return mode;
  const at = { ...place, route: readRoute(route).name };
  for (const problem of stamp.problems) report.skipped('policy-not-understood', at, problem);
  if (stamp.mode === undefined) return mode;
  reportOverruled(stamp, { report, place: at });
  return stamp.mode;
}

function reportOverruled(
  { policy = '', overruled = [] }: { policy?: string; overruled?: readonly string[] },
  { report, place }: Pick<Surroundings, 'report' | 'place'>,
): void {
  for (const loser of overruled) {
    const detail = `${loser} has the same target as ${policy}, which is older and decides`;
    report.skipped('policy-overruled', place, detail);
  }
}
