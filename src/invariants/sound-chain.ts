import { endOfField, isLengthDelimited, startOfValue, tagAt } from '../xds/field-ends.ts';
import type { FieldRef } from '../xds/field-ref.ts';
import { fields } from '../xds/fields.ts';
import { Spans } from './spans.ts';

const { FilterChain, Filter, HttpConnectionManager, HttpFilter, HcmUpgradeConfig, Any } = fields;

/** The end of the type URL of the HTTP filter that sends requests on. */
export const routerType = '.http.router.v3.Router';

// All below look at a part of a message by offsets, and keep nothing of it. They answer false where something
// may be wrong with it, where that is not seen at a glance, and where it is malformed or oddly encoded.

/**
 * Whether `examineChain` would find nothing wrong with the filter chain that lies in a message `from` one offset
 * `to` another: its only filter is a connection manager whose HTTP filters and upgrades have different names.
 */
export function isChainSound(message: Uint8Array, from: number, to: number): boolean {
  const { filter, config, value } = parts;
  return (
    filter.find(message, from, to, FilterChain.filters) &&
    filter.count === 1 &&
    parts.name.find(message, filter.from, filter.to, Filter.name) &&
    config.find(message, filter.from, filter.to, Filter.typed_config) &&
    config.count === 1 &&
    parts.type.find(message, config.from, config.to, Any.type_url) &&
    value.find(message, config.from, config.to, Any.value) &&
    value.count === 1 &&
    isManagerSound(message, value.from, value.to)
  );
}

/** Where the last value of a length-delimited field is in a message, and how many there are. */
class Part {
  from = 0;
  to = 0;
  count = 0;

  find(message: Uint8Array, from: number, to: number, field: FieldRef): boolean {
    this.from = 0;
    this.to = 0;
    this.count = 0;
    for (let at = from; at < to; ) {
      const end = endOfField(message, at, to);
      if (end === -1) return false;
      if (tagAt(message, at) >>> 3 === field.number) {
        if (!isLengthDelimited(message, at)) return false;
        this.from = startOfValue(message, at);
        this.to = end;
        this.count++;
      }
      at = end;
    }
    return true;
  }
}

const parts = {
  filter: new Part(),
  config: new Part(),
  value: new Part(),
  name: new Part(),
  type: new Part(),
};

/** Of a connection manager the names of its HTTP filters, and the types of its upgrades. */
const names = new Spans();
const upgrades = new Spans();

function isManagerSound(message: Uint8Array, from: number, to: number): boolean {
  names.clear();
  upgrades.clear();
  let hasRouter = false;
  for (let at = from; at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    switch (tagAt(message, at) >>> 3) {
      case HttpConnectionManager.http_filters.number:
        if (hasRouter || !isNew(message, at, end, namedFilters)) return false;
        if (!findType(message, startOfValue(message, at), end)) return false;
        hasRouter = endsWith(message, parts.type, routerType);
        break;
      case HttpConnectionManager.upgrade_configs.number:
        if (!isNew(message, at, end, namedUpgrades)) return false;
    }
    at = end;
  }
  return true;
}

/** Finds the type of an HTTP filter's configuration. */
function findType(message: Uint8Array, from: number, to: number): boolean {
  const { config } = parts;
  return (
    config.find(message, from, to, HttpFilter.typed_config) &&
    parts.type.find(message, config.from, config.to, Any.type_url)
  );
}

function endsWith(message: Uint8Array, { from, to }: Part, text: string): boolean {
  const begin = to - text.length;
  if (begin < from) return false;
  for (let at = 0; at < text.length; at++) {
    if (message[begin + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}

/** What must not have one name twice, and by which field it is named. */
interface Named {
  readonly by: FieldRef;
  readonly known: Spans;
}

const namedFilters: Named = { by: HttpFilter.name, known: names };
const namedUpgrades: Named = { by: HcmUpgradeConfig.upgrade_type, known: upgrades };

/** More of them are not compared with each other at a glance. */
const mostNames = 32;

/** Whether the field that begins `from` one offset has another name than those before it; then it is one of them. */
function isNew(message: Uint8Array, from: number, to: number, { by, known }: Named): boolean {
  const { name } = parts;
  if (!isLengthDelimited(message, from)) return false;
  if (!name.find(message, startOfValue(message, from), to, by)) return false;
  if (!isAscii(message, name) || known.length === 2 * mostNames) return false;
  for (let index = 0; index < known.length; index += 2) {
    const other = known.at(index) ?? 0;
    const length = (known.at(index + 1) ?? 0) - other;
    if (length === name.to - name.from && areAlike(message, other, name)) return false;
  }
  known.add(name.from, name.to);
  return true;
}

/** Any other bytes may be read as the same text though they differ. */
function isAscii(message: Uint8Array, { from, to }: Part): boolean {
  for (let at = from; at < to; at++) if ((message[at] ?? 0) >= 0x80) return false;
  return true;
}

const caseBit = 0x20;

/** Whether bytes are the same as those from another offset on, each taken for a letter in any case. */
function areAlike(message: Uint8Array, other: number, { from, to }: Part): boolean {
  for (let at = from; at < to; at++) {
    if (((message[at] ?? 0) | caseBit) !== ((message[other + at - from] ?? 0) | caseBit))
      return false;
  }
  return true;
}
