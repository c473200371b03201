import { checkArrival } from './against-offramp.ts';
import { type ManagerEntry, readManagers } from './extension-managers.ts';
import { checkFailureHandling } from './failure-handling.ts';
import type { EnvoyGatewayConfiguration } from './find-configurations.ts';
import { type Finding, fatalFinding, type Level } from './findings.ts';
import { checkHooks } from './hooks.ts';
import { checkMessageSize } from './message-size.ts';
import { findOfframp } from './offramp-manager.ts';
import type { OfframpSide } from './offramp-side.ts';
import { checkRetrigger, readProvider } from './provider.ts';
import { type RecommendedService, recommendedService } from './recommended.ts';
import { checkResources } from './resources.ts';
import { checkService } from './service.ts';
import { checkTls } from './tls.ts';
import { checkTranslation } from './translation.ts';

/**
 * Everything that does not fit in an EnvoyGateway configuration, as far as Offramp is concerned; with
 * Offramp's own configuration, also what does not fit between the two. Errors come first. What is
 * recommended is for an Offramp that is started in the folder `startedIn`.
 */
export function checkEnvoyGateway(
  configuration: EnvoyGatewayConfiguration,
  startedIn: string,
  side?: OfframpSide,
): readonly Finding[] {
  const provider = readProvider(configuration);
  const service = recommendedService(startedIn, side?.address);
  const { entries, findings } = readManagers(configuration, service);
  const ours = findOfframp(configuration, entries, side);
  const all = [
    ...checkApiVersion(configuration),
    ...findings,
    ...ours.findings,
    ...ours.entries.flatMap((entry) => [
      ...checkHooks(entry, side),
      ...checkTranslation(entry, side),
      ...checkMessageSize(entry, side?.messageBytes),
      ...checkService(entry, service),
      ...checkTls(entry, provider, side),
      ...checkFailureHandling(entry),
      ...checkResources(entry),
      ...(side === undefined ? [] : checkArrival(entry, side, service)),
    ]),
    ...entries
      .filter((entry) => !ours.entries.includes(entry))
      .flatMap((entry) => checkAnothers(entry, service)),
    ...(side === undefined ? [] : checkRetrigger(configuration, provider, side)),
  ];
  return all.sort(byLevelAndPlace);
}

/** What ends each translation ends it for Offramp too, whoever's extension manager it is in. */
function checkAnothers(entry: ManagerEntry, service: RecommendedService): Finding[] {
  const findings = [
    ...checkHooks(entry),
    ...checkMessageSize(entry),
    ...checkService(entry, service),
    ...checkFailureHandling(entry),
  ];
  return findings.filter(({ outcome }) => outcome !== undefined);
}

const order = { error: 0, warning: 1, note: 2 } satisfies Record<Level, number>;

function byLevelAndPlace(one: Finding, other: Finding): number {
  return (
    order[one.level] - order[other.level] ||
    one.place.line - other.place.line ||
    one.place.column - other.place.column
  );
}

const apiVersion = 'gateway.envoyproxy.io/v1alpha1';

function checkApiVersion({ origin, content, locate }: EnvoyGatewayConfiguration): Finding[] {
  if (origin === 'helm-values' || origin === 'snippet') return [];
  const isFine = content.apiVersion === apiVersion && content.kind === 'EnvoyGateway';
  if (isFine) return [];
  return [
    fatalFinding('api-version', locate(['apiVersion']), 'refused', {
      problem: `it is not ${apiVersion}, kind EnvoyGateway`,
      remedy: 'Write both at the top.',
      yaml: `apiVersion: ${apiVersion}\nkind: EnvoyGateway\n`,
    }),
  ];
}
