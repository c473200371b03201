import { describe, expect, it } from 'vitest';
import { connectFilterConfigs } from '../../src/rewrites/offline-connectors/filter-configs.ts';
import { decodeXds, encodeXds } from '../support/xds.ts';

const jwt = 'envoy.filters.http.jwt_authn';

describe('the filter configurations of a CONNECT route', () => {
  it('are none when its routes have none', () => {
    expect(connectFilterConfigs([route({}), route({})])).toEqual([]);
  });

  it('have the entry that decoders keep when a route has two for one filter', () => {
    const twice = Buffer.concat([route({ [jwt]: needs('old') }), route({ [jwt]: needs('new') })]);
    expect(decoded([twice])).toEqual({ [jwt]: needs('new') });
  });

  it('have the first route’s entry when two routes have one for the same filter', () => {
    const routes = [route({ [jwt]: needs('first') }), route({ [jwt]: needs('second') })];
    expect(decoded(routes)).toEqual({ [jwt]: needs('first') });
  });

  it('leave out the buffer, whatever the filter is called', () => {
    const buffer = {
      '@type': 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute',
      disabled: true,
    };
    expect(decoded([route({ mine: buffer, [jwt]: needs('a') })])).toEqual({ [jwt]: needs('a') });
  });
});

function needs(requirement: string) {
  const type = 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig';
  return { '@type': type, requirement_name: requirement };
}

function route(filters: Readonly<Record<string, object>>): Uint8Array {
  return encodeXds('envoy.config.route.v3.Route', { typed_per_filter_config: filters });
}

function decoded(routes: readonly Uint8Array[]): unknown {
  const fields = Buffer.concat(connectFilterConfigs(routes));
  return decodeXds('envoy.config.route.v3.Route', fields).typed_per_filter_config;
}
