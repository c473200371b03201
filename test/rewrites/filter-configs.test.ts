import { describe, expect, it } from 'vitest';
import { connectFilterConfigs } from '../../src/rewrites/offline-connectors/filter-configs.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { decodeXds, encodeXds } from '../support/xds.ts';

const cors = 'envoy.filters.http.cors';
const jwt = 'envoy.filters.http.jwt_authn';

describe('the filter configurations of a CONNECT route', () => {
  it('are none when its routes have none', () => {
    expect(connectFilterConfigs([route({}), route({})])).toEqual({ fields: [] });
  });

  it('have the entry that decoders keep when a route has two for one filter', () => {
    const twice = Buffer.concat([route({ [jwt]: needs('old') }), route({ [jwt]: needs('new') })]);
    expect(decoded([twice])).toEqual({ [jwt]: needs('new') });
  });

  it('have the first route’s entry when two routes have one for the same filter', () => {
    const routes = [route({ [cors]: allows('GET') }), route({ [cors]: allows('PUT') })];
    expect(decoded(routes)).toEqual({ [cors]: allows('GET') });
    expect(connectFilterConfigs(routes).disputed).toBeUndefined();
  });

  it.each([
    'jwt_authn.v3.PerRouteConfig',
    'rbac.v3.RBACPerRoute',
    'basic_auth.v3.BasicAuthPerRoute',
    'api_key_auth.v3.ApiKeyAuthPerRoute',
    'oauth2.v3.OAuth2PerRoute',
  ])('are disputed when two routes let different clients in by %s', (type) => {
    const entry = (value: string) => guard(type, value);
    expect(connectFilterConfigs([entry('a'), entry('b')]).disputed).toBe('guard');
    expect(connectFilterConfigs([entry('a'), route({}), entry('a')]).disputed).toBeUndefined();
  });

  it.each([
    { '@type': 'envoy.config.route.v3.FilterConfig', disabled: true },
    { '@type': 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', disabled: true },
    { '@type': 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig', disabled: true },
    { '@type': 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute' },
  ])('do not switch a filter off that one of the routes has: %o', (off) => {
    const [open, closed] = [route({ mine: off }), route({})];
    expect(decoded([open, closed])).toBeUndefined();
    expect(decoded([open, route({ mine: needs('a') })])).toEqual({ mine: needs('a') });
    expect(decoded([open, open])).toMatchObject({ mine: off });
  });

  it('leave out the buffer, whatever the filter is called', () => {
    const buffer = {
      '@type': 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute',
      disabled: true,
    };
    expect(decoded([route({ mine: buffer, [jwt]: needs('a') })])).toEqual({ [jwt]: needs('a') });
  });
});

/** A route with this entry for the filter `guard`; what is in it need not make sense. */
function guard(type: string, value: string): Uint8Array {
  const { Route, MapEntry, Any } = fields;
  const url = `type.googleapis.com/envoy.extensions.filters.http.${type}`;
  const config = [
    encodeField(Any.type_url, encodeString(url)),
    encodeField(Any.value, encodeField(fields.RbacPerRoute.rbac, encodeString(value))),
  ];
  const entry = [
    encodeField(MapEntry.key, encodeString('guard')),
    encodeField(MapEntry.value, concatenate(config)),
  ];
  return encodeField(Route.typed_per_filter_config, concatenate(entry));
}

function allows(methods: string) {
  return { '@type': 'envoy.extensions.filters.http.cors.v3.CorsPolicy', allow_methods: methods };
}

function needs(requirement: string) {
  const type = 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig';
  return { '@type': type, requirement_name: requirement };
}

function route(filters: Readonly<Record<string, object>>): Uint8Array {
  return encodeXds('envoy.config.route.v3.Route', { typed_per_filter_config: filters });
}

function decoded(routes: readonly Uint8Array[]): unknown {
  const wire = Buffer.concat(connectFilterConfigs(routes).fields);
  return decodeXds('envoy.config.route.v3.Route', wire).typed_per_filter_config;
}
