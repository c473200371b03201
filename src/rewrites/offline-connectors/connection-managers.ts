import { mapConnectionManagers, routeConfigurationOf } from '../../xds/connection-manager.ts';
import { encodeField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import {
  asksFor,
  type ConnectState,
  type ScannedManager,
  scanManagers,
} from '../../xds/manager-scan.ts';
import { hashText } from '../../xds/name-hash.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { stringOf } from '../../xds/wire.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { type Addition, connectIs, extend, extendScanned } from './extend-managers.ts';
import { connectUpgrade } from './messages.ts';

const { HttpConnectionManager, Listener } = fields;

/** What a look over the connection managers of a snapshot shows. */
export class ServedConfigurations {
  /** By the places of the listeners that could be scanned. */
  readonly #scans = new Map<number, readonly ScannedManager[]>();
  /** The places of the listeners that had to be read. */
  readonly #read = new Set<number>();
  /** By the hash of its name, the manager that asks for a route configuration, the last of several. */
  readonly #lastAsking = new Map<number, Asking>();
  /** What managers that were read say of CONNECT, by the name of their route configuration. */
  readonly #saidOf = new Map<string, Set<ConnectState>>();

  /** Looks at a listener. Throws MalformedMessageError. */
  look(listener: Uint8Array, place: number): void {
    const scan = scanManagers(listener);
    if (scan === undefined) {
      this.#readManagers(listener);
      this.#read.add(place);
      return;
    }
    this.#scans.set(place, scan);
    for (const manager of scan) {
      const before = this.#lastAsking.get(manager.name);
      this.#lastAsking.set(manager.name, { manager, listener, before });
    }
  }

  #readManagers(listener: Uint8Array): void {
    mapConnectionManagers(listener, (manager) => {
      const name = routeConfigurationOf(manager);
      const said = this.#saidOf.get(name);
      const connect = connectIs(manager);
      if (said === undefined) this.#saidOf.set(name, new Set([connect]));
      else said.add(connect);
      return manager;
    });
  }

  /**
   * Whether the CONNECT requests of a route configuration can be answered by a direct response: some
   * connection manager of the snapshot serves it, and none that does forbids CONNECT.
   */
  isConnectable(name: string): boolean {
    const said = this.#saidOf.size === 0 ? undefined : this.#saidOf.get(name);
    if (said?.has('forbidden')) return false;
    let isServed = said !== undefined;
    let asking = this.#lastAsking.get(hashText(name));
    for (; asking !== undefined; asking = asking.before) {
      if (!asksFor(asking.manager, asking.listener, name)) continue;
      if (asking.manager.connect === 'forbidden') return false;
      isServed = true;
    }
    return isServed;
  }

  /**
   * Has the connection managers of the listener at a place say what is `added`, those that say nothing about
   * CONNECT and serve one of these route configurations.
   */
  extendSilent(listener: Uint8Array, place: number, addition: Addition): Uint8Array {
    const scan = this.#scans.get(place);
    if (scan === undefined) {
      return this.#read.has(place)
        ? mapConnectionManagers(listener, (manager) => extend(manager, addition))
        : listener;
    }
    return extendScanned(listener, scan, addition);
  }
}

/** What connection managers of a snapshot are to say. */
interface Added extends Omit<Addition, 'note'> {
  readonly report: ReportBuilder;
}

class ReportedAddition implements Addition {
  readonly names: ReadonlySet<string>;
  readonly hashes: ReadonlySet<number>;
  readonly added: Uint8Array;
  readonly #report: ReportBuilder;
  readonly #listener: Uint8Array;
  /** Read once: to find a name, all of a listener is walked over. */
  #place: Place | undefined;

  constructor(listener: Uint8Array, { names, hashes, added, report }: Added) {
    this.names = names;
    this.hashes = hashes;
    this.added = added;
    this.#report = report;
    this.#listener = listener;
  }

  note(name: string): void {
    this.#place ??= { kind: 'listeners', resource: stringOf(this.#listener, Listener.name) };
    const detail = `CONNECT reaches the routes of ${name}`;
    this.#report.changed('connect-allowed', this.#place, [], detail);
  }
}

/** A manager that asks for a route configuration, and one before it for which the same may hold. */
interface Asking {
  readonly manager: ScannedManager;
  readonly listener: Uint8Array;
  readonly before: Asking | undefined;
}

/** Looks at every connection manager; listeners that cannot be read are reported. */
export function surveyConnectionManagers(
  snapshot: Snapshot,
  report: ReportBuilder,
): ServedConfigurations {
  const served = new ServedConfigurations();
  mapResources(snapshot, 'listeners', { rewrite: look, unreadable: report.unreadable }, served);
  return served;
}

function look(listener: Uint8Array, index: number, served: ServedConfigurations): Uint8Array {
  served.look(listener, index);
  return listener;
}

/**
 * Lets CONNECT reach the routes of these route configurations. Without it Envoy answers CONNECT to a
 * direct response with 403. Other routes do not match CONNECT; but a GET with the header `Upgrade:
 * CONNECT` now reaches their backends instead of a 403. Envoy passes no byte behind it before a 101.
 */
export function allowConnect(
  snapshot: Snapshot,
  served: ServedConfigurations,
  routeConfigurations: ReadonlySet<string>,
  report: ReportBuilder,
): Snapshot {
  if (routeConfigurations.size === 0) return snapshot;
  const allowing = {
    ...{ served, report, names: routeConfigurations },
    hashes: new Set([...routeConfigurations].map(hashText)),
    added: encodeField(HttpConnectionManager.upgrade_configs, connectUpgrade()),
  };
  // What cannot be read was reported when it was looked at.
  const rewrite = { rewrite: allowIn, unreadable: () => {} };
  return mapResources(snapshot, 'listeners', rewrite, allowing);
}

function allowIn(
  listener: Uint8Array,
  index: number,
  allowing: Added & { readonly served: ServedConfigurations },
): Uint8Array {
  return allowing.served.extendSilent(listener, index, new ReportedAddition(listener, allowing));
}
