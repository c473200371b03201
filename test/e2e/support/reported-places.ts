import { z } from 'zod';
import type { OfframpProcess } from './offramp.ts';

const changesSchema = z.looseObject({
  changes: z.array(
    z.looseObject({
      effect: z.string(),
      place: z.looseObject({
        kind: z.string(),
        resource: z.string(),
        virtualHost: z.string().optional(),
        route: z.string().optional(),
      }),
    }),
  ),
});

/** The places in all reports in Offramp's log, written as `differingPlaces` writes them. */
export function reportedPlaces(offramp: OfframpProcess): string[] {
  const reports = offramp.log().filter(({ msg }) => msg === 'changes');
  const places = reports.flatMap((report) => changesSchema.parse(report).changes).map(placeOf);
  return [...new Set(places)].toSorted();
}

type Change = z.output<typeof changesSchema>['changes'][number];

function placeOf({ effect, place }: Change): string {
  const { kind, resource, virtualHost, route } = place;
  if (virtualHost === undefined) return `${kind} ${resource}`;
  const part = effect === 'domain-added' ? 'domains' : (route ?? '');
  return `${kind} ${resource} > ${virtualHost} > ${part}`;
}
