import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { parsePolicy } from '../../src/policy/offramp-policy.ts';
import { readStamp } from '../../src/policy/route-stamp.ts';
import { answerSnapshot } from '../../src/server/answer-snapshot.ts';
import { stampRouteOfRequest } from '../../src/server/hook.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { bytesOf } from '../../src/xds/snapshot.ts';
import { lastValueOf } from '../../src/xds/wire.ts';
import { routeRequest, translateContext } from '../support/policy-requests.ts';
import { encodeRequest, encodeXds } from '../support/xds.ts';

const resources = (kind: string, name: string, sectionName: string) => ({
  'envoy-gateway': { resources: [{ kind, namespace: 'default', name, sectionName }] },
});
const plainRoute = {
  name: 'httproute/default/shop/rule/0/match/0/example_com',
  match: { prefix: '/' },
  metadata: { filter_metadata: resources('HTTPRoute', 'shop', 'checkout') },
  route: { cluster: 'httproute/default/shop/rule/0' },
};
const route = encodeXds('envoy.config.route.v3.Route', plainRoute);
const snapshot = encodeRequest({
  routes: [
    {
      name: 'default/eg/http',
      virtual_hosts: [
        {
          name: 'default/eg/http/example_com',
          domains: ['example.com'],
          metadata: { filter_metadata: resources('Gateway', 'eg', 'http') },
          routes: [plainRoute],
        },
      ],
    },
  ],
});
const state = { connectors: ConnectorView.empty, backendRefs: noBackendRefs };
const settings = configSchema.parse({});

/** Both hooks with these objects; throws what Envoy Gateway would get as an error. */
function hand(...objects: readonly Uint8Array[]) {
  const answer = stampRouteOfRequest(routeRequest(route, objects), (error) => {
    throw error;
  });
  const stamped = lastValueOf(answer, fields.PostRouteModifyRequest.route) ?? new Uint8Array();
  const context = encodeField(
    fields.PostTranslateModifyRequest.post_translate_context,
    translateContext(objects),
  );
  const request = Buffer.concat([context, snapshot]);
  const { report, response } = answerSnapshot(request, { mode: 'apply', settings }, state);
  return { stamped, report, response: bytesOf(response) };
}

const head = { apiVersion: 'offramp.dev/v1alpha1', kind: 'OfframpPolicy' };
const metadata = { name: 'odd', namespace: 'default' };
const toRule = { kind: 'HTTPRoute', name: 'shop', sectionName: 'checkout' };
const json = (value: unknown): Uint8Array => encodeString(JSON.stringify(value));
const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('whatever a policy contains, neither hook fails', () => {
  it.each<[string, Uint8Array]>([
    ['no JSON', encodeString('{')],
    ['nothing', new Uint8Array()],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0xfe, 0x22)],
    ['a number', encodeString('1e999')],
    ['null', encodeString('null')],
    ['a list', encodeString('[]')],
    ['an object of another kind', json({ apiVersion: 'v1', kind: 'Secret', metadata })],
    ['depth without a kind', encodeString(deep(100_000))],
  ])('%s: passed over, everything leaves as it came', (_what, bytes) => {
    const { stamped, report, response } = hand(bytes);
    expect(Buffer.compare(stamped, route)).toBe(0);
    expect(report.skips).toEqual([]);
    expect(response.length).toBe(snapshot.length);
  });

  it.each<[string, object]>([
    ['no spec', { metadata }],
    ['a null spec', { metadata, spec: null }],
    ['a spec that is text', { metadata, spec: 'x' }],
    ['no metadata', { spec: { targetRefs: [toRule] } }],
    ['a name that is no text', { metadata: { name: 3 }, spec: { targetRefs: [toRule] } }],
    ['targetRefs that are no list', { metadata, spec: { targetRefs: toRule } }],
    ['a target that is none', { metadata, spec: { targetRefs: [null, 3, { kind: 7 }] } }],
    ['a mode that is a list', { metadata, spec: { targetRefs: [], emptyBackends: { mode: [] } } }],
    ['no emptyBackends', { metadata, spec: { targetRefs: [], emptyBackends: null } }],
    ['targetSelectors', { metadata, spec: { targetRefs: [], targetSelectors: [{}] } }],
    ['another date', { metadata: { ...metadata, creationTimestamp: 'soon' }, spec: {} }],
    ['settings of a later version', { metadata, spec: { targetRefs: [], offlineResponse: {} } }],
  ])('%s: ignored, and reported', (_what, object) => {
    const { report, stamped } = hand(json({ ...head, ...object }));
    const reasons = report.skips.map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['policy-not-understood']));
    expect(readStamp(stamped)?.problems).not.toHaveLength(0);
  });

  it.each([
    ['of another group', { ...head, apiVersion: 'example.com/v1alpha1' }],
    ['of another kind of our group', { ...head, kind: 'OfframpSomething' }],
  ])('%s: passed over, though it looks alike', (_what, other) => {
    const spec = { targetRefs: [toRule], emptyBackends: { mode: 'Keep' }, odd: 1 };
    const { stamped, report } = hand(json({ ...other, metadata, spec }));
    expect(readStamp(stamped)).toBeUndefined();
    expect(report.skips).toEqual([]);
  });

  it('what is not understood of a route’s policy is told by its stamp', () => {
    const spec = { targetRefs: [toRule], odd: 1 };
    const { stamped } = hand(json({ ...head, metadata, spec }));
    const host = encodeField(fields.VirtualHost.routes, stamped);
    const configuration = encodeField(fields.RouteConfiguration.virtual_hosts, host);
    const request = encodeField(fields.PostTranslateModifyRequest.routes, configuration);
    const { report } = answerSnapshot(request, { mode: 'apply', settings }, state);
    expect(report.skips).toMatchObject([
      { reason: 'policy-not-understood', place: { route: plainRoute.name } },
    ]);
  });

  it('the understood rest of it counts, and so does another policy', () => {
    const spec = { targetRefs: [{ kind: 7 }, toRule], emptyBackends: { mode: 'Keep' }, more: 1 };
    const odd = json({ ...head, metadata, spec });
    expect(readStamp(hand(odd, encodeString('{')).stamped)).toMatchObject({
      policy: 'default/odd',
      mode: 'Keep',
    });
    const laterSettings = { controlPlaneFallback: {}, offlineResponse: { statusCode: 503 } };
    const later = parsePolicy(
      JSON.stringify({ ...head, metadata, spec: { ...spec, ...laterSettings } }),
    );
    expect(later?.emptyBackendsMode).toBe('Keep');
  });

  it('a huge one makes neither a huge stamp nor a huge report', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`field-${at}`, at]));
    const targetRefs = Array.from({ length: 20_000 }, () => ({ kind: 7 }));
    const huge = json({ ...head, metadata, spec: { ...many, targetRefs } });
    const wide = json({ ...head, metadata, spec: { ...many, targetRefs: [] } });
    const nested = encodeString(
      `{"apiVersion":"offramp.dev/v1alpha1","kind":"OfframpPolicy","metadata":{"name":"deep"},` +
        `"spec":{"targetRefs":${deep(50_000)}}}`,
    );
    const { stamped, report } = hand(huge, nested, wide);
    expect(stamped.length).toBeLessThan(route.length + 5_000);
    expect(stamped.length).toBeGreaterThan(route.length);
    expect(report.skips.length).toBeGreaterThan(0);
    expect(JSON.stringify(report.skips).length).toBeLessThan(10_000);
  });

  it('nor for any JSON in its place, or in one of its fields', () => {
    const odd = fc.jsonValue({ maxDepth: 4 });
    const part = fc.option(odd, { nil: undefined });
    const shaped = fc.record({
      apiVersion: fc.constant(head.apiVersion),
      kind: fc.constant(head.kind),
      metadata: fc.oneof(odd, fc.record({ name: part, namespace: part, creationTimestamp: part })),
      spec: fc.oneof(
        odd,
        fc.record({ targetRefs: fc.oneof(odd, fc.array(odd)), emptyBackends: odd }),
      ),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(odd, shaped), { maxLength: 4 }), (objects) => {
        const { response, stamped } = hand(...objects.map(json));
        expect(response.length).toBe(snapshot.length);
        expect(stamped.length).toBeGreaterThanOrEqual(route.length);
      }),
      { numRuns: 500 },
    );
  });

  it('nor for any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (objects) => {
        expect(hand(...objects).response.length).toBe(snapshot.length);
      }),
      { numRuns: 300 },
    );
  });
});

it('answers PostRouteModify with the route as it came when something unexpected goes wrong', () => {
  const context = encodeField(
    fields.PostRouteModifyRequest.post_route_context,
    // A length that goes beyond the end.
    Uint8Array.of(0x1a, 0x7f),
  );
  const request = Buffer.concat([encodeField(fields.PostRouteModifyRequest.route, route), context]);
  const failures: unknown[] = [];
  const answer = stampRouteOfRequest(request, (error) => failures.push(error));
  expect(lastValueOf(answer, fields.PostRouteModifyRequest.route)).toEqual(Uint8Array.from(route));
  expect(failures).toHaveLength(1);
});
