/** A resource of Envoy's configuration, by its type and name. */
type Resources = ReadonlyMap<string, unknown>;

/** Fields of a config dump that tell when something came, not what. */
const bookkeeping = new Set(['version_info', 'last_updated', 'client_status']);

/** Made anew for each gateway of the testbed, so that it can talk to its Envoys. */
const madeAnew = new Set(['secrets xds_certificate', 'secrets xds_trusted_ca']);

/**
 * The places in which two config dumps differ: `clusters NAME`, `listeners NAME`, `secrets NAME`,
 * and for route configurations `routes NAME > VIRTUAL HOST > ROUTE` or `… > domains`. Order of routes counts.
 */
export function differingPlaces(before: unknown, after: unknown): string[] {
  const was = resourcesOf(before);
  const is = resourcesOf(after);
  const places = [...new Set([...was.keys(), ...is.keys()])].flatMap((key) => {
    const [earlier, later] = [was.get(key), is.get(key)];
    if (canonical(earlier) === canonical(later)) return [];
    return key.startsWith('routes ') ? routePlaces(key, earlier, later) : [key];
  });
  return places.toSorted();
}

function resourcesOf(dump: unknown): Resources {
  const found = new Map<string, unknown>();
  for (const config of list(get(dump, 'configs'))) {
    for (const entry of list(get(config, 'dynamic_active_clusters'))) {
      add('clusters', get(entry, 'cluster'));
    }
    for (const entry of list(get(config, 'dynamic_route_configs'))) {
      add('routes', get(entry, 'route_config'));
    }
    for (const entry of list(get(config, 'dynamic_listeners'))) {
      add('listeners', get(get(entry, 'active_state'), 'listener'));
    }
    for (const entry of list(get(config, 'dynamic_active_secrets'))) {
      add('secrets', get(entry, 'secret'));
    }
  }
  return found;

  function add(kind: string, resource: unknown): void {
    const key = `${kind} ${String(get(resource, 'name'))}`;
    if (!madeAnew.has(key)) found.set(key, resource);
  }
}

function routePlaces(key: string, before: unknown, after: unknown): string[] {
  const hosts = byName(get(before, 'virtual_hosts'));
  const laterHosts = byName(get(after, 'virtual_hosts'));
  const places = [...new Set([...hosts.keys(), ...laterHosts.keys()])].flatMap((name) => {
    const [was, is] = [hosts.get(name), laterHosts.get(name)];
    if (canonical(was) === canonical(is)) return [];
    const routes = differingRoutes(list(get(was, 'routes')), list(get(is, 'routes')));
    const rest = differingFields(was, is).filter((field) => field !== 'routes');
    return [...routes, ...rest].map((part) => `${key} > ${name} > ${part}`);
  });
  const rest = differingFields(before, after).filter((field) => field !== 'virtual_hosts');
  return [...places, ...rest.map((field) => `${key} > ${field}`)];
}

function differingRoutes(before: readonly unknown[], after: readonly unknown[]): string[] {
  const earlier = new Set(before.map(canonical));
  const later = new Set(after.map(canonical));
  const gone = before.filter((route) => !later.has(canonical(route)));
  const made = after.filter((route) => !earlier.has(canonical(route)));
  const kept = (routes: readonly unknown[], other: ReadonlySet<string>) =>
    routes.map(canonical).filter((route) => other.has(route));
  const sameOrder = kept(before, later).join() === kept(after, earlier).join();
  const names = [...gone, ...made].map((route) => String(get(route, 'name')));
  return [...new Set(names), ...(sameOrder ? [] : ['order of routes'])];
}

function differingFields(before: unknown, after: unknown): string[] {
  const names = new Set([...keysOf(before), ...keysOf(after)]);
  return [...names].filter((name) => canonical(get(before, name)) !== canonical(get(after, name)));
}

function byName(values: unknown): Map<string, unknown> {
  return new Map(list(values).map((value) => [String(get(value, 'name')), value]));
}

/** JSON with sorted keys: the order of a map's entries says nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner).filter(([key]) => !bookkeeping.has(key));
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

function get(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map(Object.entries(value)).get(key);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
