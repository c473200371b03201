import { appendFields } from '../../xds/append-fields.ts';
import { anyOf, encodeMessage } from '../../xds/build.ts';
import { concatenate, encodeField, encodeString } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { editFields, lastValueOf, mapFields, stringOf, varintOf } from '../../xds/wire.ts';
import type { VmRoute } from './find-vm-routes.ts';
import { rememberedMatcherLua } from './lua-sources.ts';
import {
  controlHeaders,
  fallbackFilterEntry,
  filterNames,
  matchConditions,
  redirectPolicy,
} from './messages.ts';
import { fallbackRouteName, type RouteRole } from './own-routes.ts';
import {
  memoryFolder,
  pathBeforeId,
  registryRegex,
  rememberSeconds,
  sessionPathRegex,
} from './settings.ts';

const { Route, RouteAction, MapEntry, UInt32Value, UInt64Value } = fields;

/** The routes that are added for one VM route. */
export interface FallbackRoutes {
  /** At the top of the virtual host. */
  readonly top: readonly Uint8Array[];
  /** Directly in front of the VM route. */
  readonly front: readonly Uint8Array[];
}

/** Envoy may hold back so many times what is looked into: a longer 404 then passes as it is. */
const bufferedTimes = 16;

/** Makes the routes for a VM’s route; `template` is the way to its control plane. */
export function makeFallbackRoutes(vm: VmRoute, key: string, template: Uint8Array): FallbackRoutes {
  const { options, identity } = vm;
  const before = pathBeforeId(options);
  // One id below two path templates is two sessions.
  const scope = `${identity.object.namespace}/${identity.object.name}${before}`;
  const folder = memoryFolder;
  const drop = options.injectedQueryParameter;
  const replay = { role: 'replay', key, before, scope, folder, ttl: rememberSeconds(options) };
  const match = lastValueOf(vm.route, Route.match) ?? new Uint8Array();
  const make = (role: RouteRole, parts: Omit<RouteParts, 'name' | 'statPrefix'>) => {
    const name = fallbackRouteName(key, role);
    return makeRoute(template, { ...parts, name, statPrefix: `offramp-${role}` });
  };
  return {
    top: [
      make('settled', { match: isSettled(key), context: replay }),
      make('replay', { match: isReplayed(key), context: replay }),
    ],
    front: [
      make('remembered', {
        match: concatenate([match, isRemembered(vm, { before, scope, folder })]),
        context: { role: 'remembered', key, drop },
      }),
      makeVmRoute(vm, key, match),
    ],
  };
}

interface RouteParts {
  readonly name: string;
  readonly statPrefix: string;
  readonly match: Uint8Array;
  readonly context: Readonly<Record<string, string | number>>;
}

const replaced = new Set([Route.name, Route.match, Route.stat_prefix].map(({ number }) => number));

function makeRoute(template: Uint8Array, parts: RouteParts): Uint8Array {
  return editFields(
    withoutOwnConfig(template),
    ({ number }) => (replaced.has(number) ? 'drop' : 'keep'),
    [
      encodeField(Route.match, parts.match),
      encodeField(Route.typed_per_filter_config, fallbackFilterEntry(parts.context)),
      encodeField(Route.name, encodeString(parts.name)),
      encodeField(Route.stat_prefix, encodeString(parts.statPrefix)),
    ],
  );
}

function withoutOwnConfig(route: Uint8Array): Uint8Array {
  return mapFields(route, Route.typed_per_filter_config, (entry) =>
    stringOf(entry, MapEntry.key) === filterNames.fallback ? undefined : entry,
  );
}

/** The clone of the VM’s route whose 404 may be replaced by the control plane’s answer. */
function makeVmRoute(vm: VmRoute, key: string, match: Uint8Array): Uint8Array {
  const { bufferLimitBytes, injectedQueryParameter: drop } = vm.options;
  const limit = Math.floor(bufferLimitBytes / bufferedTimes);
  const target = fallbackRouteName(key, 'replay');
  const redirecting = mapFields(vm.route, Route.route, (action) =>
    appendFields(action, [
      encodeField(RouteAction.internal_redirect_policy, redirectPolicy(target)),
    ]),
  );
  return editFields(
    withoutOwnConfig(redirecting),
    ({ number }) => (isReplacedInVmRoute.has(number) ? 'drop' : 'keep'),
    [
      encodeField(Route.match, concatenate([match, mayFallBack(vm)])),
      encodeField(
        Route.typed_per_filter_config,
        fallbackFilterEntry({ role: 'vm', key, drop, limit }),
      ),
      encodeField(Route.name, encodeString(fallbackRouteName(key, 'vm'))),
      encodeMessage('envoy.config.route.v3.Route', {
        request_body_buffer_limit: { value: Math.max(bufferLimitBytes, bufferLimitOf(vm.route)) },
      }),
    ],
  );
}

const isReplacedInVmRoute = new Set(
  [Route.name, Route.match, Route.request_body_buffer_limit].map(({ number }) => number),
);

/** The largest body that the route itself lets Envoy buffer, 0 when it does not say. */
function bufferLimitOf(route: Uint8Array): number {
  const limit = lastValueOf(route, Route.request_body_buffer_limit);
  const former = lastValueOf(route, Route.per_request_buffer_limit_bytes);
  return Math.max(
    limit === undefined ? 0 : varintOf(limit, UInt64Value.value),
    former === undefined ? 0 : varintOf(former, UInt32Value.value),
  );
}

function isSettled(key: string): Uint8Array {
  return matchConditions({
    prefix: '/',
    dynamic_metadata: [
      {
        filter: filterNames.fallback,
        path: [{ key: 'settled' }],
        value: { string_match: { exact: key } },
      },
    ],
  });
}

/** Only Envoy’s router sets that state, while it redirects: no header can select the route. */
function isReplayed(key: string): Uint8Array {
  const [controlPlane] = controlHeaders;
  return matchConditions({
    prefix: '/',
    headers: [{ name: controlPlane, string_match: { exact: key } }],
    filter_state: [
      { key: 'num_internal_redirects', string_match: { safe_regex: { regex: '[0-9]+' } } },
    ],
  });
}

interface Memory {
  readonly before: string;
  readonly scope: string;
  readonly folder: string;
}

/** The cheapest condition first: Envoy stops at one that fails. */
function isRemembered({ options }: VmRoute, memory: Memory): Uint8Array {
  const lookUp = {
    name: 'offramp.remembered',
    typed_config: anyOf('envoy.extensions.string_matcher.lua.v3.Lua', {
      source_code: { inline_string: rememberedMatcherLua(memory) },
    }),
  };
  return matchConditions({
    headers: [
      { name: ':path', string_match: { prefix: memory.before } },
      { name: ':path', string_match: { safe_regex: { regex: sessionPathRegex(options) } } },
      { name: ':path', string_match: { custom: lookUp } },
    ],
    dynamic_metadata: [
      {
        filter: filterNames.entered,
        path: [{ key: 'entered' }],
        value: { bool_match: true },
        invert: true,
      },
    ],
    filter_state: [{ key: filterNames.listener, string_match: { exact: '1' } }],
  });
}

function mayFallBack({ options }: VmRoute): Uint8Array {
  return matchConditions({
    headers: [
      { name: ':method', string_match: { exact: 'GET' } },
      { name: ':path', string_match: { safe_regex: { regex: registryRegex(options) } } },
      { name: 'upgrade', present_match: true, invert_match: true },
    ],
  });
}
