import {
  type CorrectableSplit,
  type DecidedSplit,
  isCorrectable,
} from '../rewrites/empty-backends/decided-split.ts';
import { gatewaysOfVirtualHosts, virtualHostKey } from '../xds/gateways.ts';
import type { Snapshot } from '../xds/snapshot.ts';

/** The splits of a snapshot that may need a correction, by the keys of the Gateways they are in. */
export function splitsByGateway(
  snapshot: Snapshot,
  splits: readonly DecidedSplit[],
): ReadonlyMap<string, readonly CorrectableSplit[]> {
  const gateways = gatewaysOfVirtualHosts(snapshot);
  const found = new Map<string, CorrectableSplit[]>();
  for (const split of splits.filter(isCorrectable)) {
    const { resource, virtualHost = '' } = split.place;
    const gateway = gateways.get(virtualHostKey(resource, virtualHost));
    if (gateway === undefined) continue;
    const known = found.get(gateway);
    if (known === undefined) found.set(gateway, [split]);
    else known.push(split);
  }
  return found;
}
