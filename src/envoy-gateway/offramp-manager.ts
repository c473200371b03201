import type { Place } from '../config/yaml-places.ts';
import { arrivalAt } from './against-offramp.ts';
import type { ManagerEntry } from './extension-managers.ts';
import type { EnvoyGatewayConfiguration } from './find-configurations.ts';
import { type Finding, finding } from './findings.ts';
import { hasTranslationHook } from './hooks.ts';
import type { OfframpSide } from './offramp-side.ts';
import { targetsOf, targetText } from './service-target.ts';

/** The extension managers that are Offramp, and what is to be said of their place in the list. */
export interface OfframpManagers {
  readonly entries: readonly ManagerEntry[];
  readonly findings: readonly Finding[];
}

/**
 * Which extension manager is Offramp: the only one there is, the one that calls it, or the one with
 * its name; without such, each that has the hook.
 */
export function findOfframp(
  { locate }: EnvoyGatewayConfiguration,
  entries: readonly ManagerEntry[],
  side: OfframpSide | undefined,
): OfframpManagers {
  const [only, another] = entries;
  if (only === undefined || another === undefined) return { entries, findings: [] };
  const subscribed = entries.filter(hasTranslationHook);
  const chosen = side === undefined ? byName(entries, subscribed) : byAddress(entries, side);
  const place = locate(['extensionManagers']);
  if (chosen.length > 0) {
    const findings = chosen.length > 1 ? [ambiguous(place, chosen)] : orderOf(chosen, subscribed);
    return { entries: chosen, findings };
  }
  if (side !== undefined) return { entries: [], findings: [notListed(place, entries, side)] };
  return {
    entries: [],
    findings: [
      finding('translation-missing', place, {
        problem: 'no extension manager has Translation in hooks.xdsTranslator.post',
        consequence:
          'Envoy Gateway never asks Offramp about a snapshot: nothing is answered, no tunnel is opened.',
        remedy: 'List Translation in Offramp’s entry, or add an entry for Offramp.',
      }),
    ],
  };
}

function byName(entries: readonly ManagerEntry[], subscribed: readonly ManagerEntry[]) {
  const named = entries.filter(({ manager }) => /offramp/i.test(manager.name ?? ''));
  return named.length > 0 ? named : subscribed;
}

function byAddress(entries: readonly ManagerEntry[], side: OfframpSide) {
  const arriving = (wanted: string) =>
    entries.filter(({ manager }) =>
      targetsOf(manager.service).some((target) => arrivalAt(target, side) === wanted),
    );
  const same = arriving('same');
  return same.length > 0 ? same : arriving('mapped');
}

function ambiguous(place: Place, chosen: readonly ManagerEntry[]): Finding {
  const names = chosen.map(
    ({ manager }) => `${manager.name} (${targetsOf(manager.service).map(targetText).join()})`,
  );
  return finding('manager-ambiguous', place, {
    problem: `each of these may be Offramp: ${names.join(', ')}`,
    consequence: 'Each was checked as if it were.',
    remedy: 'Give Offramp’s configuration too, or an entry a name with offramp in it.',
  });
}

function orderOf(chosen: readonly ManagerEntry[], subscribed: readonly ManagerEntry[]): Finding[] {
  return chosen.flatMap((entry) => {
    const at = subscribed.indexOf(entry);
    const later = at < 0 ? [] : subscribed.slice(at + 1);
    if (later.length === 0) return [];
    const names = later.map(({ manager }) => manager.name).join(', ');
    return [
      finding('manager-order', entry.place(), {
        problem: `${names} comes after it and gets its snapshot from Offramp`,
        consequence:
          'Offramp does not see the routes and clusters that a later one adds or changes.',
        remedy: 'Put Offramp last, unless that is meant.',
      }),
    ];
  });
}

function notListed(place: Place, entries: readonly ManagerEntry[], side: OfframpSide): Finding {
  const called = entries.flatMap(({ manager }) => targetsOf(manager.service).map(targetText));
  return finding('offramp-not-listed', place, {
    problem: `no extension manager calls ${side.addressText}, only ${called.join(', ')}`,
    consequence: 'Envoy Gateway never calls Offramp: nothing is answered, no tunnel is opened.',
    remedy: 'Add an entry for Offramp, as the last one.',
  });
}
