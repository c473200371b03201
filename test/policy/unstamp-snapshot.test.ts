import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { readStamp, stampRoute } from '../../src/policy/route-stamp.ts';
import { answerSnapshot } from '../../src/server/answer-snapshot.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { bytesOf, encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { mapFields, valuesOf } from '../../src/xds/wire.ts';
import { captures } from '../support/captures.ts';
import { readGoldenInput } from '../support/golden-input.ts';

const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost, Route, Metadata } = fields;
const stamp = {
  policy: 'default/p',
  mode: 'Rebalance',
  level: 'route',
  overruled: [],
  outranked: [],
  problems: [],
} as const;
const settings = configSchema.parse({});
const { state } = readGoldenInput('empty-backends', 'empty-leaves-the-split');

/** The request with `edit` done to each route. */
function editRoutes(request: Uint8Array, edit: (route: Uint8Array) => Uint8Array): Uint8Array {
  return mapFields(request, PostTranslateModifyRequest.routes, (configuration) =>
    mapFields(configuration, RouteConfiguration.virtual_hosts, (host) =>
      mapFields(host, VirtualHost.routes, edit),
    ),
  );
}

/** As Envoy Gateway encodes it: what was stamped is one more entry of the metadata that is there. */
function stampInPlace(route: Uint8Array): Uint8Array {
  const [stamped = new Uint8Array()] = valuesOf(stampRoute(route, stamp), Route.metadata);
  const entry = valuesOf(stamped, Metadata.filter_metadata).at(-1) ?? new Uint8Array();
  return mapFields(route, Route.metadata, (metadata) =>
    concatenate([metadata, encodeField(Metadata.filter_metadata, entry)]),
  );
}

const shadow = (request: Uint8Array) =>
  Buffer.from(bytesOf(answerSnapshot(request, { mode: 'shadow', settings }, state).response));

describe('in shadow mode', () => {
  it.each(captures)('$name is published as if no route had been stamped', ({ request }) => {
    const stamped = editRoutes(request, stampInPlace);
    expect(stamped.length).toBeGreaterThan(request.length);
    expect(shadow(stamped).includes('offramp.dev')).toBe(false);
    expect(Buffer.compare(shadow(stamped), encodeResponse(readSnapshot(request)))).toBe(0);
  });

  it('the policies decide what is counted all the same', () => {
    const { request } = readGoldenInput('empty-backends', 'mode-keep');
    const stamped = editRoutes(request, (route) => stampRoute(route, stamp));
    const { request: _, ...keeping } = readGoldenInput('empty-backends', 'mode-keep');
    const options = { mode: 'shadow', settings: keeping.settings } as const;
    const { report } = answerSnapshot(stamped, options, keeping.state);
    expect(report.changes).toMatchObject([{ effect: 'empty-dropped' }]);
  });

  it('a route that had no metadata has none again', () => {
    const bare = encodeField(Route.name, encodeString('bare'));
    const host = encodeField(VirtualHost.routes, stampRoute(bare, stamp));
    const configuration = encodeField(RouteConfiguration.virtual_hosts, host);
    const response = shadow(encodeField(PostTranslateModifyRequest.routes, configuration));
    const plain = encodeField(
      RouteConfiguration.virtual_hosts,
      encodeField(VirtualHost.routes, bare),
    );
    const expected = readSnapshot(encodeField(PostTranslateModifyRequest.routes, plain));
    expect(Buffer.compare(response, encodeResponse(expected))).toBe(0);
  });

  it('a route configuration that cannot be read leaves as it came', () => {
    const broken = Buffer.from('\u0012\u007fofframp.dev');
    const request = encodeField(PostTranslateModifyRequest.routes, broken);
    expect(Buffer.compare(shadow(request), encodeResponse(readSnapshot(request)))).toBe(0);
  });
});

it('in apply mode stamps stay, for the config dump to show', () => {
  const {
    request,
    settings: applied,
    state: known,
  } = readGoldenInput('empty-backends', 'mode-keep');
  const stamped = editRoutes(request, (route) => stampRoute(route, stamp));
  const { response } = answerSnapshot(stamped, { mode: 'apply', settings: applied }, known);
  const routes = valuesOf(bytesOf(response), { ...PostTranslateModifyRequest.routes, number: 4 })
    .flatMap((configuration) => valuesOf(configuration, RouteConfiguration.virtual_hosts))
    .flatMap((host) => valuesOf(host, VirtualHost.routes));
  expect(routes.map(readStamp)).toEqual([stamp]);
});
