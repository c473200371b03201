import { isConnectionManager, upgradeTypesOf } from '../xds/connection-manager.ts';
import type { FieldRef } from '../xds/field-ref.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { forEachField, lastValueOf, stringOf, valuesOf } from '../xds/wire.ts';
import { ChangedValues } from './changed-values.ts';
import { isChainSound, routerType } from './sound-chain.ts';
import { introduced, repeated, type Violation } from './violation.ts';

const { Listener, FilterChain, Filter, HttpConnectionManager, HttpFilter, Any } = fields;
const { Cluster, HttpProtocolOptions, MapEntry } = fields;

/** What a rewrite made wrong in the filter chains of a listener. */
export function findListenerViolations(
  before: Uint8Array,
  after: Uint8Array,
): readonly Violation[] {
  const examineChanged: Examine = (listener, violations) =>
    examineListener(listener, before, violations);
  return introduced(examine(after, examineChanged), () =>
    examine(before, (listener, violations) => examineListener(listener, nothing, violations)),
  );
}

/** What a rewrite made wrong in the upstream HTTP filters of a cluster. */
export function findClusterViolations(before: Uint8Array, after: Uint8Array): readonly Violation[] {
  return introduced(examine(after, examineCluster), () => examine(before, examineCluster));
}

const nothing = new Uint8Array();

type Examine = (resource: Uint8Array, violations: Violation[]) => void;

function examine(resource: Uint8Array, look: Examine): readonly Violation[] {
  const violations: Violation[] = [];
  try {
    look(resource, violations);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    violations.push({ reason: 'invariant-unreadable', detail: error.message });
  }
  return violations;
}

/** Looks at those filter chains that are not as they were, each in its place. */
function examineListener(listener: Uint8Array, before: Uint8Array, violations: Violation[]): void {
  for (const field of [Listener.filter_chains, Listener.default_filter_chain]) {
    const chains = new ChangedValues(field).over(before, listener);
    while (chains.next()) {
      const { message, valueStart, end } = chains.after;
      if (!isChainSound(message, valueStart, end)) examineChain(chains.after.value(), violations);
    }
  }
}

function examineChain(chain: Uint8Array, violations: Violation[]): void {
  const filters = valuesOf(chain, FilterChain.filters);
  examineNames(filters, Filter.name, 'a filter chain', violations);
  const manager = filters.findIndex(isConnectionManager);
  if (manager !== -1 && manager !== filters.length - 1) {
    const detail = 'a network filter comes behind the connection manager';
    violations.push({ reason: 'invariant-filters', detail });
  }
  for (const filter of filters.filter(isConnectionManager)) {
    const config = lastValueOf(filter, Filter.typed_config) ?? new Uint8Array();
    examineManager(lastValueOf(config, Any.value) ?? new Uint8Array(), violations);
  }
}

function examineManager(manager: Uint8Array, violations: Violation[]): void {
  const filters = valuesOf(manager, HttpConnectionManager.http_filters);
  examineHttpFilters(filters, routerType, violations);
  for (const upgrade of repeated(upgradeTypesOf(manager).map((one) => one.toLowerCase()))) {
    const detail = `a connection manager configures the upgrade ${upgrade} twice`;
    violations.push({ reason: 'invariant-upgrades', detail });
  }
}

const examineCluster: Examine = (cluster, violations) => {
  forEachField(cluster, Cluster.typed_extension_protocol_options, (entry) => {
    const any = lastValueOf(entry, MapEntry.value) ?? new Uint8Array();
    const options = lastValueOf(any, Any.value);
    if (options === undefined) return;
    if (!stringOf(any, Any.type_url).endsWith(`/${HttpProtocolOptions.http_filters.message}`))
      return;
    const filters = valuesOf(options, HttpProtocolOptions.http_filters);
    examineHttpFilters(filters, '.http.upstream_codec.v3.UpstreamCodec', violations);
  });
};

/** Envoy wants the filter that sends the request on at the end of the others. */
function examineHttpFilters(
  filters: readonly Uint8Array[],
  terminalType: string,
  violations: Violation[],
): void {
  examineNames(filters, HttpFilter.name, 'a list of HTTP filters', violations);
  const terminal = filters.findIndex((filter) => {
    const config = lastValueOf(filter, HttpFilter.typed_config);
    return config !== undefined && stringOf(config, Any.type_url).endsWith(terminalType);
  });
  if (terminal === -1 || terminal === filters.length - 1) return;
  const detail = 'an HTTP filter comes behind the one that sends the request on';
  violations.push({ reason: 'invariant-filters', detail });
}

function examineNames(
  filters: readonly Uint8Array[],
  name: FieldRef,
  where: string,
  violations: Violation[],
): void {
  for (const one of repeated(filters.map((filter) => stringOf(filter, name)))) {
    const detail = `${where} has ${one} twice`;
    violations.push({ reason: 'invariant-filters', detail });
  }
}
