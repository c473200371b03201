import { appendBelow } from '../../xds/append-below.ts';
import { BackwardWriter } from '../../xds/backward-writer.ts';
import {
  mapManagersOfChain,
  routeConfigurationOf,
  upgradeTypesOf,
} from '../../xds/connection-manager.ts';
import { concatenate } from '../../xds/encoding.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import type { FieldRef } from '../../xds/field-ref.ts';
import { fields } from '../../xds/fields.ts';
import { type ConnectState, connectStateOf, type ScannedManager } from '../../xds/manager-scan.ts';
import { textOf } from '../../xds/text.ts';
import { valuesOf } from '../../xds/wire.ts';

const { HttpConnectionManager, Listener, FilterChain, Filter, Any } = fields;

/** What connection managers of a listener are to say. */
export interface Addition {
  /** The names of the route configurations whose managers get it, and `hashText` of each. */
  readonly names: ReadonlySet<string>;
  readonly hashes: ReadonlySet<number>;
  /** Whole fields. */
  readonly added: Uint8Array;
  /** Is told the name of each manager’s route configuration. */
  note(name: string): void;
}

/** From a filter chain to a connection manager. */
const pathToManager = [FilterChain.filters, Filter.typed_config, Any.value];

/** A filter chain that is extended, and where its field is in its listener. */
interface ExtendedChain {
  readonly field: FieldRef;
  readonly start: number;
  readonly from: number;
  readonly end: number;
  /** Where the manager begins that is extended. */
  readonly at: number;
  /** What it becomes, where several of its managers are. */
  readonly whole: Uint8Array | undefined;
}

const writer = new BackwardWriter();
/** What the heads on the way to a manager may take more than before. */
const mostForHeads = 8;

/**
 * Extends those of these managers of a listener that are wanted: all is decided first, then written from the end.
 * The same one comes back when none is.
 */
export function extendScanned(
  listener: Uint8Array,
  scan: readonly ScannedManager[],
  addition: Addition,
): Uint8Array {
  const wanted: ScannedManager[] = [];
  for (const manager of scan) if (isWanted(manager, listener, addition)) wanted.push(manager);
  if (wanted.length === 0) return listener;
  const chains = chainsOf(listener, wanted, addition);
  const { added } = addition;
  writer.begin(listener.length + chains.length * (added.length + mostForHeads));
  let behind = listener.length;
  for (let index = chains.length - 1; index >= 0; index--) {
    const chain = chains[index];
    if (chain === undefined) continue;
    const { field, start, from, end, at, whole } = chain;
    writer.part(listener, end, behind);
    const behindChain = writer.length;
    if (whole !== undefined) writer.bytes(whole);
    else
      appendBelow(new FieldReader(listener, from, end), { path: pathToManager, at, added }, writer);
    writer.wrap(field, behindChain);
    behind = start;
  }
  writer.part(listener, 0, behind);
  return writer.finish();
}

/** The filter chains that these managers are in, in their order; notes each manager. */
function chainsOf(
  listener: Uint8Array,
  managers: readonly ScannedManager[],
  addition: Addition,
): readonly ExtendedChain[] {
  const chains: ExtendedChain[] = [];
  const reader = new FieldReader(listener);
  let next = 0;
  while (next < managers.length && reader.next()) {
    const manager = managers[next];
    if (manager === undefined || manager.chain !== reader.valueStart) continue;
    const first = next++;
    while (managers[next]?.chain === manager.chain) next++;
    const { number, start, valueStart: from, end } = reader;
    const whole =
      next === first + 1
        ? undefined
        : mapManagersOfChain(reader.value(), (one) => extend(one, addition));
    if (whole === undefined) addition.note(nameIn(manager, listener));
    const field = { ...Listener.filter_chains, number };
    chains.push({ field, start, from, end, at: manager.at, whole });
  }
  return chains;
}

function isWanted(
  manager: ScannedManager,
  listener: Uint8Array,
  { names, hashes }: Addition,
): boolean {
  if (manager.connect !== 'unset' || !hashes.has(manager.name)) return false;
  return names.has(nameIn(manager, listener));
}

function nameIn({ nameFrom, nameTo }: ScannedManager, listener: Uint8Array): string {
  return textOf(listener, nameFrom, nameTo);
}

/** The same with a manager that has to be read. */
export function extend(manager: Uint8Array, addition: Addition): Uint8Array {
  const name = routeConfigurationOf(manager);
  if (!addition.names.has(name) || connectIs(manager) !== 'unset') return manager;
  addition.note(name);
  return concatenate([manager, addition.added]);
}

/** What a connection manager says of CONNECT. Throws MalformedMessageError. */
export function connectIs(manager: Uint8Array): ConnectState {
  const upgrades = valuesOf(manager, HttpConnectionManager.upgrade_configs);
  const connect = upgrades[upgradeTypesOf(manager).findIndex(isConnect)];
  return connect === undefined ? 'unset' : connectStateOf(connect);
}

function isConnect(upgradeType: string): boolean {
  return upgradeType.toUpperCase() === 'CONNECT';
}
