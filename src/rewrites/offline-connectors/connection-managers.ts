import {
  mapConnectionManagers,
  routeConfigurationOf,
  upgradeTypesOf,
} from '../../xds/connection-manager.ts';
import { encodeField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { editFields, stringOf, valuesOf, wrappedBoolOf } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { connectUpgrade } from './messages.ts';

const { HttpConnectionManager, HcmUpgradeConfig } = fields;

/**
 * Route configurations whose CONNECT requests can be answered by a direct response: some connection
 * manager of the snapshot serves them, and none of these forbids CONNECT.
 */
export function findConnectableRouteConfigurations(
  snapshot: Snapshot,
  report: ReportBuilder,
): ReadonlySet<string> {
  const connectable = new Set<string>();
  const forbidden = new Set<string>();
  const look = (manager: Uint8Array) => {
    const name = routeConfigurationOf(manager);
    if (connectIs(manager) === 'forbidden') forbidden.add(name);
    else connectable.add(name);
    return manager;
  };
  mapResources(
    snapshot,
    'listeners',
    (listener) => mapConnectionManagers(listener, look),
    report.unreadable,
  );
  for (const name of forbidden) connectable.delete(name);
  return connectable;
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
  routeConfigurations: ReadonlySet<string>,
  report: ReportBuilder,
): Snapshot {
  if (routeConfigurations.size === 0) return snapshot;
  const upgrade = encodeField(HttpConnectionManager.upgrade_configs, connectUpgrade());
  return mapResources(
    snapshot,
    'listeners',
    (listener) =>
      mapConnectionManagers(listener, (manager) => {
        const name = routeConfigurationOf(manager);
        if (!routeConfigurations.has(name) || connectIs(manager) !== 'unset') return manager;
        report.changed(
          'connect-allowed',
          { kind: 'listeners', resource: stringOf(listener, fields.Listener.name) },
          [],
          `CONNECT reaches the routes of ${name}`,
        );
        return editFields(manager, () => 'keep', [upgrade]);
      }),
    () => {}, // already reported by findConnectableRouteConfigurations
  );
}
