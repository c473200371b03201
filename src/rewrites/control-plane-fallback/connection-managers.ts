import { appendFields } from '../../xds/append-fields.ts';
import { demandedClientCertificate } from '../../xds/client-certificate.ts';
import {
  isConnectionManager,
  mapFilterChains,
  mapManagersOfChain,
  routeConfigurationOf,
} from '../../xds/connection-manager.ts';
import { encodeField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { editFields, hasField, stringOf, valuesOf } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { insertFirst, withoutNamed } from './filter-lists.ts';
import { filterNames, listenerMark, managerFilters, stripHeaders } from './messages.ts';

const { FilterChain, HttpConnectionManager, HttpFilter, Listener } = fields;

/** What a connection manager asks of requests, and its listener of connections. */
export interface FilterChainView {
  /** Its HTTP filters, encoded, by their names. */
  readonly httpFilters: ReadonlyMap<string, Uint8Array>;
  /** How client certificates are verified; undefined when a client needs none. */
  readonly clientCertificate: Uint8Array | undefined;
}

/** Which route configurations the connection managers of a snapshot serve, and with which filters. */
export interface ServedRoutes {
  /** By the name of the route configuration, one entry for each connection manager. */
  readonly chains: ReadonlyMap<string, readonly FilterChainView[]>;
  /** False when a listener cannot be read, or chooses its routes in another way: who knows which. */
  readonly isWhole: boolean;
}

/** Reads every connection manager, so that no route is added that its filters would not go with. */
export function surveyConnectionManagers(snapshot: Snapshot, report: ReportBuilder): ServedRoutes {
  const chains = new Map<string, FilterChainView[]>();
  let isWhole = true;
  mapResources(snapshot, 'listeners', {
    rewrite: (listener) =>
      mapFilterChains(listener, (chain) => {
        const clientCertificate = demandedClientCertificate(chain);
        return mapManagersOfChain(chain, (manager) => {
          addFilters(manager); // as later: what cannot be edited is found out now
          if (hasField(manager, HttpConnectionManager.scoped_routes)) isWhole = false;
          const name = routeConfigurationOf(manager);
          const view = { httpFilters: filtersOf(manager), clientCertificate };
          chains.set(name, [...(chains.get(name) ?? []), view]);
          return manager;
        });
      }),
    unreadable: (unreadable) => {
      isWhole = false;
      report.unreadable(unreadable);
    },
  });
  return { chains, isWhole };
}

/** Puts the fallback’s filters into each connection manager that serves one of these routes. */
export function addFallbackFilters(
  snapshot: Snapshot,
  routeConfigurations: ReadonlySet<string>,
  report: ReportBuilder,
): Snapshot {
  return mapResources(snapshot, 'listeners', {
    rewrite: (listener) => {
      const served = new Set<string>();
      const edited = mapFilterChains(listener, (chain) =>
        addToChain(chain, routeConfigurations, served),
      );
      if (Buffer.compare(edited, listener) === 0) return listener;
      const place = { kind: 'listeners', resource: stringOf(listener, Listener.name) } as const;
      const detail = `the fallback’s filters come first, for the routes of ${[...served].join(', ')}`;
      report.changed('fallback-filters-added', place, [], detail);
      return edited;
    },
    unreadable: () => {}, // already reported by surveyConnectionManagers
  });
}

function addToChain(
  chain: Uint8Array,
  routeConfigurations: ReadonlySet<string>,
  served: Set<string>,
): Uint8Array {
  let concerned = false;
  const edited = mapManagersOfChain(chain, (manager) => {
    const name = routeConfigurationOf(manager);
    if (!routeConfigurations.has(name)) return manager;
    concerned = true;
    served.add(name);
    return addFilters(manager);
  });
  return concerned ? markConnections(edited) : chain;
}

/** In front of the connection manager, the first of several, so that its routes can ask for the mark. */
function markConnections(chain: Uint8Array): Uint8Array {
  const mark = encodeField(FilterChain.filters, listenerMark());
  let isMarked = false;
  return editFields(withoutNamed(chain, FilterChain.filters, ownMarks), (field) => {
    if (isMarked || field.number !== FilterChain.filters.number) return 'keep';
    if (!isConnectionManager(field.value())) return 'keep';
    isMarked = true;
    return [mark, field.raw()];
  });
}

const ownMarks: ReadonlySet<string> = new Set([filterNames.listener]);
const ownFilters: ReadonlySet<string> = new Set([filterNames.entered, filterNames.fallback]);
const ownMutations: ReadonlySet<string> = new Set([filterNames.strip]);

function addFilters(manager: Uint8Array): Uint8Array {
  const { http_filters, early_header_mutation_extensions: mutations } = HttpConnectionManager;
  const filtered = insertFirst(
    withoutNamed(manager, http_filters, ownFilters),
    http_filters,
    managerFilters(),
  );
  // Behind Envoy Gateway’s own, which may copy what a client sent into our headers.
  return appendFields(withoutNamed(filtered, mutations, ownMutations), [
    encodeField(mutations, stripHeaders()),
  ]);
}

function filtersOf(manager: Uint8Array): FilterChainView['httpFilters'] {
  return new Map(
    valuesOf(manager, HttpConnectionManager.http_filters).map((filter) => [
      stringOf(filter, HttpFilter.name),
      filter,
    ]),
  );
}
