import type { DecidedSplit } from '../rewrites/empty-backends/decided-split.ts';
import { gatewaysOfVirtualHosts, virtualHostKey } from '../xds/gateways.ts';
import type { Snapshot } from '../xds/snapshot.ts';

/** The splits that were decided on in a snapshot, by the keys of the Gateways they are in. */
export function splitsByGateway(
  snapshot: Snapshot,
  splits: readonly DecidedSplit[],
): ReadonlyMap<string, readonly DecidedSplit[]> {
  const gateways = gatewaysOfVirtualHosts(snapshot);
  const found = new Map<string, DecidedSplit[]>();
  for (const split of splits) {
    const { resource, virtualHost = '' } = split.place;
    const gateway = gateways.get(virtualHostKey(resource, virtualHost));
    if (gateway === undefined) continue;
    const known = found.get(gateway);
    if (known === undefined) found.set(gateway, [split]);
    else known.push(split);
  }
  return found;
}
