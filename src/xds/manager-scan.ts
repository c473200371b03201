import { FieldReader, releaseSpareReaders, spareReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { hashName, notAscii } from './name-hash.ts';
import { wrappedBoolOf } from './wire.ts';
import { expectLengthDelimited, over } from './wire-type.ts';

const { Listener, FilterChain, Filter, Any, HttpConnectionManager, Rds, HcmUpgradeConfig } = fields;

/** The end of the type URL of every HTTP connection manager. */
export const managerTypeName =
  '/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** What a connection manager's own `upgrade_configs` say of CONNECT. */
export type ConnectState = 'unset' | 'allowed' | 'forbidden';

/** A connection manager as a scan of its listener shows it: offsets are into the listener. */
export interface ScannedManager {
  /** Where the value of its filter chain begins. */
  readonly chain: number;
  /** Where it begins itself. */
  readonly at: number;
  /** Where the name of the route configuration is that it asks for, which is ASCII. */
  readonly nameFrom: number;
  readonly nameTo: number;
  /** `hashName` of it. */
  readonly name: number;
  readonly connect: ConnectState;
}

/**
 * The connection managers of a listener, in the order of `mapConnectionManagers`, in one pass without a
 * view or a string. Undefined when that would find anything wrong or when something is unusual; then
 * `mapConnectionManagers` tells what.
 */
export function scanManagers(listener: Uint8Array): readonly ScannedManager[] | undefined {
  const scanner = new Scanner();
  try {
    scanner.scan(listener);
    return scanner.isOdd ? undefined : scanner.found;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  } finally {
    releaseSpareReaders();
  }
}

/** Whether a scanned manager asks for the route configuration with this name. */
export function asksFor(
  { nameFrom, nameTo }: ScannedManager,
  listener: Uint8Array,
  name: string,
): boolean {
  return new FieldReader(listener, nameFrom, nameTo).isText(name);
}

/** One for each level of messages, used again and again. */
const readers = {
  listener: spareReader(),
  chain: spareReader(),
  filter: spareReader(),
  config: spareReader(),
  part: spareReader(),
  manager: spareReader(),
};

class Scanner {
  readonly found: ScannedManager[] = [];
  isOdd = false;
  #chain = 0;
  #nameFrom = 0;
  #nameTo = 0;
  #connect: ConnectState = 'unset';

  scan(listener: Uint8Array): void {
    let defaultChains = 0;
    const reader = readers.listener.over(listener, 0, listener.length);
    while (reader.next()) {
      if (reader.number === Listener.default_filter_chain.number) {
        defaultChains++;
        this.#scanChain(reader, Listener.default_filter_chain);
      } else if (reader.number === Listener.filter_chains.number) {
        if (defaultChains > 0) this.isOdd = true; // its managers come last, wherever it stands
        this.#scanChain(reader, Listener.filter_chains);
      }
    }
    if (defaultChains > 1) this.isOdd = true;
  }

  #scanChain(outer: FieldReader, field: FieldRef): void {
    this.#chain = outer.valueStart;
    const reader = over(outer, field, readers.chain);
    while (reader.next()) {
      if (reader.number === FilterChain.filters.number) this.#scanFilter(reader);
    }
  }

  #scanFilter(outer: FieldReader): void {
    let isConfigured = false;
    let configurations = 0;
    const reader = over(outer, FilterChain.filters, readers.filter);
    while (reader.next()) {
      if (reader.number === Filter.typed_config.number) {
        isConfigured = true;
        configurations++;
        over(reader, Filter.typed_config, readers.config);
      } else if (reader.number === Filter.config_discovery.number) configurations++;
    }
    if (configurations > 1) this.isOdd = true;
    else if (isConfigured) this.#scanConfig(readers.config);
  }

  #scanConfig(reader: FieldReader): void {
    let values = 0;
    const type = readers.part.over(reader.message, reader.start, reader.start);
    const manager = readers.manager;
    while (reader.next()) {
      if (reader.number === Any.type_url.number) over(reader, Any.type_url, type);
      else if (reader.number === Any.value.number) {
        values++;
        over(reader, Any.value, manager);
      }
    }
    type.over(type.message, Math.max(type.end, type.limit - managerTypeName.length), type.limit);
    if (values === 0 || !type.isText(managerTypeName)) return;
    if (values > 1) this.isOdd = true;
    else this.#scanManager(manager);
  }

  #scanManager(reader: FieldReader): void {
    let specifiers = 0;
    this.#nameFrom = 0;
    this.#nameTo = 0;
    this.#connect = 'unset';
    const at = reader.end;
    while (reader.next()) {
      switch (reader.number) {
        case HttpConnectionManager.rds.number:
          specifiers++;
          this.#scanRds(reader);
          break;
        case HttpConnectionManager.route_config.number:
        case HttpConnectionManager.scoped_routes.number:
          specifiers++;
          break;
        case HttpConnectionManager.upgrade_configs.number:
          this.#scanUpgrade(reader);
      }
    }
    const name = hashName(reader.message, this.#nameFrom, this.#nameTo);
    if (specifiers > 1 || name === notAscii) this.isOdd = true;
    this.found.push({
      chain: this.#chain,
      at,
      nameFrom: this.#nameFrom,
      nameTo: this.#nameTo,
      name,
      connect: this.#connect,
    });
  }

  #scanRds(outer: FieldReader): void {
    const reader = over(outer, HttpConnectionManager.rds, readers.part);
    while (reader.next()) {
      if (reader.number !== Rds.route_config_name.number) continue;
      expectLengthDelimited(reader, Rds.route_config_name);
      this.#nameFrom = reader.valueStart;
      this.#nameTo = reader.end;
    }
  }

  #scanUpgrade(outer: FieldReader): void {
    let from = 0;
    let to = 0;
    const reader = over(outer, HttpConnectionManager.upgrade_configs, readers.part);
    while (reader.next()) {
      if (reader.number !== HcmUpgradeConfig.upgrade_type.number) continue;
      expectLengthDelimited(reader, HcmUpgradeConfig.upgrade_type);
      from = reader.valueStart;
      to = reader.end;
    }
    if (this.#connect !== 'unset' || !isConnect(reader.message, from, to)) return;
    this.#connect = connectStateOf(outer.value());
  }
}

/** What an UpgradeConfig for CONNECT says of it. Throws MalformedMessageError. */
export function connectStateOf(upgradeConfig: Uint8Array): ConnectState {
  const isEnabled = wrappedBoolOf(upgradeConfig, HcmUpgradeConfig.enabled) ?? true;
  return isEnabled ? 'allowed' : 'forbidden';
}

const connect = 'CONNECT';
const upperCaseBits = 0xdf;

/** In any case: no letter outside ASCII becomes one of its letters in upper case. */
function isConnect(message: Uint8Array, from: number, to: number): boolean {
  if (to - from !== connect.length) return false;
  for (let at = 0; at < connect.length; at++) {
    if (((message[from + at] ?? 0) & upperCaseBits) !== connect.charCodeAt(at)) return false;
  }
  return true;
}
