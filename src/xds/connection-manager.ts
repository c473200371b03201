import { fields } from './fields.ts';
import { managerTypeName } from './manager-scan.ts';
import { endsWithText } from './text.ts';
import { expectAtMostOne, lastValueOf, mapFields, stringOf, valuesOf } from './wire.ts';

const { Listener, FilterChain, Filter, Any, HttpConnectionManager, Rds } = fields;
const routeSpecifiers = [
  HttpConnectionManager.rds,
  HttpConnectionManager.route_config,
  HttpConnectionManager.scoped_routes,
];

/**
 * Rewrites the HTTP connection managers of a listener, in `filter_chains` and in
 * `default_filter_chain`; found by the type of their configuration, whatever their filter is called.
 * The same buffer comes back when nothing changed. Throws MalformedMessageError.
 */
export function mapConnectionManagers(
  listener: Uint8Array,
  rewrite: (manager: Uint8Array) => Uint8Array,
): Uint8Array {
  return mapFilterChains(listener, (chain) => mapManagersOfChain(chain, rewrite));
}

/** Rewrites the filter chains of a listener, the default one last. Throws MalformedMessageError. */
export function mapFilterChains(
  listener: Uint8Array,
  rewrite: (chain: Uint8Array) => Uint8Array,
): Uint8Array {
  expectAtMostOne(listener, Listener.default_filter_chain);
  const chains = mapFields(listener, Listener.filter_chains, rewrite);
  return mapFields(chains, Listener.default_filter_chain, rewrite);
}

/** Rewrites the HTTP connection managers of one filter chain. Throws MalformedMessageError. */
export function mapManagersOfChain(
  chain: Uint8Array,
  rewrite: (manager: Uint8Array) => Uint8Array,
): Uint8Array {
  const inConfig = (config: Uint8Array) => {
    if (!isManager(config)) return config;
    expectAtMostOne(config, Any.value);
    return mapFields(config, Any.value, (manager) => {
      expectAtMostOne(manager, ...routeSpecifiers);
      return rewrite(manager);
    });
  };
  return mapFields(chain, FilterChain.filters, (filter) => {
    expectAtMostOne(filter, Filter.typed_config, Filter.config_discovery);
    return mapFields(filter, Filter.typed_config, inConfig);
  });
}

/** Whether a network filter is an HTTP connection manager. Throws MalformedMessageError. */
export function isConnectionManager(filter: Uint8Array): boolean {
  const config = lastValueOf(filter, Filter.typed_config);
  return config !== undefined && isManager(config);
}

function isManager(config: Uint8Array): boolean {
  const type = lastValueOf(config, Any.type_url);
  return type !== undefined && endsWithText(type, managerTypeName);
}

/** The name of the route configuration that a connection manager asks for; '' for inline routes. */
export function routeConfigurationOf(manager: Uint8Array): string {
  const rds = valuesOf(manager, HttpConnectionManager.rds).at(-1);
  return rds === undefined ? '' : stringOf(rds, Rds.route_config_name);
}

/** The upgrade types in a connection manager's own `upgrade_configs`, as written. */
export function upgradeTypesOf(manager: Uint8Array): string[] {
  return valuesOf(manager, HttpConnectionManager.upgrade_configs).map((config) =>
    stringOf(config, fields.HcmUpgradeConfig.upgrade_type),
  );
}
