import {
  mapFilterChains,
  mapManagersOfChain,
  routeConfigurationOf,
  upgradeTypesOf,
} from '../../xds/connection-manager.ts';
import { encodeField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { editFields, stringOf, valuesOf, wrappedBoolOf } from '../../xds/wire.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { connectUpgrade } from './messages.ts';

const { HttpConnectionManager, HcmUpgradeConfig } = fields;

/** What a look over the connection managers of a snapshot shows. */
export interface ServedConfigurations {
  /**
   * Route configurations whose CONNECT requests can be answered by a direct response: some connection
   * manager of the snapshot serves them, and none of these forbids CONNECT.
   */
  readonly connectable: ReadonlySet<string>;
  /**
   * Of each listener, by its place, the filter chains in the order of `mapFilterChains`: the route
   * configurations of those of their connection managers that say nothing about CONNECT.
   */
  readonly silent: ReadonlyMap<number, readonly (readonly string[])[]>;
}

/** Looks at every connection manager; listeners that cannot be read are reported. */
export function surveyConnectionManagers(
  snapshot: Snapshot,
  report: ReportBuilder,
): ServedConfigurations {
  const connectable = new Set<string>();
  const forbidden = new Set<string>();
  const silent = new Map<number, readonly (readonly string[])[]>();
  const look = (listener: Uint8Array, index: number) => {
    const chains: string[][] = [];
    mapFilterChains(listener, (chain) => {
      const names: string[] = [];
      chains.push(names);
      return mapManagersOfChain(chain, (manager) => {
        const name = routeConfigurationOf(manager);
        const connect = connectIs(manager);
        if (connect === 'forbidden') forbidden.add(name);
        else connectable.add(name);
        if (connect === 'unset') names.push(name);
        return manager;
      });
    });
    silent.set(index, chains);
    return listener;
  };
  mapResources(snapshot, 'listeners', look, report.unreadable);
  for (const name of forbidden) connectable.delete(name);
  return { connectable, silent };
}

function connectIs(manager: Uint8Array): 'unset' | 'allowed' | 'forbidden' {
  const upgrades = valuesOf(manager, HttpConnectionManager.upgrade_configs);
  const connect = upgrades[upgradeTypesOf(manager).findIndex(isConnect)];
  if (connect === undefined) return 'unset';
  return (wrappedBoolOf(connect, HcmUpgradeConfig.enabled) ?? true) ? 'allowed' : 'forbidden';
}

function isConnect(upgradeType: string): boolean {
  return upgradeType.toUpperCase() === 'CONNECT';
}

/**
 * Lets CONNECT reach the routes of these route configurations. Without it Envoy answers CONNECT to a
 * direct response with 403. Other routes do not match CONNECT; but a GET with the header `Upgrade:
 * CONNECT` now reaches their backends instead of a 403. Envoy passes no byte behind it before a 101.
 */
export function allowConnect(
  snapshot: Snapshot,
  { silent }: ServedConfigurations,
  routeConfigurations: ReadonlySet<string>,
  report: ReportBuilder,
): Snapshot {
  if (routeConfigurations.size === 0) return snapshot;
  const upgrade = encodeField(HttpConnectionManager.upgrade_configs, connectUpgrade());
  const allowIn = (listener: Uint8Array, index: number) => {
    const chains = silent.get(index) ?? [];
    let next = 0;
    let place: Place | undefined; // read once: to find a name, all of a listener is walked over
    return mapFilterChains(listener, (chain) => {
      const names = chains[next++] ?? [];
      if (!names.some((name) => routeConfigurations.has(name))) return chain;
      return mapManagersOfChain(chain, (manager) => {
        const name = routeConfigurationOf(manager);
        if (!routeConfigurations.has(name) || connectIs(manager) !== 'unset') return manager;
        place ??= { kind: 'listeners', resource: stringOf(listener, fields.Listener.name) };
        report.changed('connect-allowed', place, [], `CONNECT reaches the routes of ${name}`);
        return editFields(manager, () => 'keep', [upgrade]);
      });
    });
  };
  // What cannot be read was reported when it was looked at.
  return mapResources(snapshot, 'listeners', allowIn, () => {});
}
