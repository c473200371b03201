import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { decideFallback } from '../../src/policy/decide-fallback.ts';
import { fallbackSettings } from '../../src/policy/fallback-policy.ts';
import { decideByPolicies } from '../../src/policy/nearest-policy.ts';
import { type OfframpPolicy, parsePolicy } from '../../src/policy/offramp-policy.ts';
import { readStamp, stampRoute, unstampRoute } from '../../src/policy/route-stamp.ts';
import { rewriteEmptyBackends } from '../../src/rewrites/empty-backends.ts';
import { stampRouteOfRequest } from '../../src/server/hook.ts';
import { lookUpStated } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { atOnce } from '../../src/steps.ts';
import { encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { lastValueOf } from '../../src/xds/wire.ts';
import { decodeXds, encodeXds } from '../support/xds.ts';

interface PolicyOptions {
  readonly mode?: unknown;
  readonly created?: string;
  readonly targets: readonly object[];
  readonly more?: object;
}

function policyJson(name: string, { mode, created, targets, more }: PolicyOptions): string {
  return JSON.stringify({
    apiVersion: 'offramp.dev/v1alpha1',
    kind: 'OfframpPolicy',
    metadata: { namespace: 'default', name, creationTimestamp: created ?? '2026-01-01T00:00:00Z' },
    spec: { targetRefs: targets, emptyBackends: { mode }, ...more },
    status: { ancestors: [] },
  });
}

function policy(name: string, options: PolicyOptions): OfframpPolicy {
  const parsed = parsePolicy(policyJson(name, options));
  if (parsed === undefined) throw new Error('not an OfframpPolicy');
  return parsed;
}

const toRoute = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' };
const toRule = { ...toRoute, sectionName: 'checkout' };
const toGateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' };
const toListener = { ...toGateway, sectionName: 'http' };
const rule = { kind: 'HTTPRoute', namespace: 'default', name: 'shop', section: 'checkout' };

describe('of several policies', () => {
  it('the one for the rule decides before the one for the route', () => {
    const policies = [
      policy('for-route', { mode: 'Keep', targets: [toRoute], created: '2020-01-01T00:00:00Z' }),
      policy('for-rule', { mode: 'Rebalance', targets: [toRule] }),
    ];
    expect(decideByPolicies(policies, rule)).toMatchObject({
      policy: 'default/for-rule',
      mode: 'Rebalance',
      level: 'rule',
      overruled: [],
      outranked: [{ policy: 'default/for-route', level: 'route' }],
    });
    expect(decideByPolicies(policies, { ...rule, section: '' })).toMatchObject({ level: 'route' });
  });

  it('the one for the listener decides before the one for the Gateway', () => {
    const policies = [
      policy('for-gateway', { mode: 'Keep', targets: [toGateway] }),
      policy('for-listener', { mode: 'Rebalance', targets: [toListener] }),
    ];
    const listener = { kind: 'Gateway', namespace: 'default', name: 'eg', section: 'http' };
    expect(decideByPolicies(policies, listener)).toMatchObject({ level: 'listener' });
    expect(decideByPolicies(policies, { ...listener, section: 'https' })).toMatchObject({
      level: 'gateway',
      mode: 'Keep',
    });
  });

  it('the older one decides at one level, then the one that comes first by name', () => {
    const young = policy('young', { mode: 'Keep', targets: [toRoute] });
    const old = policy('old', {
      mode: 'Rebalance',
      targets: [toRoute],
      created: '2025-01-01T00:00:00Z',
    });
    const twin = policy('a-twin', { mode: 'Keep', targets: [toRoute] });
    expect(decideByPolicies([young, old, twin], rule)).toMatchObject({
      policy: 'default/old',
      overruled: ['default/a-twin', 'default/young'],
    });
  });

  it('the one for a part does not decide for another part, nor for the whole', () => {
    const policies = [
      policy('for-rule', { mode: 'Keep', targets: [toRule] }),
      policy('for-nothing', { mode: 'Keep', targets: [{ ...toRoute, sectionName: '' }] }),
    ];
    expect(decideByPolicies(policies, { ...rule, section: 'other' })).toBeUndefined();
    expect(decideByPolicies(policies, { ...rule, section: '' })).toBeUndefined();
  });

  it('one that says nothing about empty backends overrules nobody', () => {
    const silent = policy('silent', { targets: [toRoute], created: '2020-01-01T00:00:00Z' });
    const speaking = policy('speaking', { mode: 'Keep', targets: [toRoute] });
    expect(decideByPolicies([silent, speaking], rule)).toMatchObject({
      policy: 'default/speaking',
      overruled: [],
    });
  });

  it('one of another namespace, kind or name does not count', () => {
    const policies = [policy('here', { mode: 'Keep', targets: [toRoute] })];
    expect(decideByPolicies(policies, { ...rule, namespace: 'other' })).toBeUndefined();
    expect(decideByPolicies(policies, { ...rule, kind: 'GRPCRoute' })).toBeUndefined();
    expect(decideByPolicies(policies, { ...rule, name: 'other' })).toBeUndefined();
  });
});

describe('of several policies about the fallback', () => {
  const fallback = (spec: object, targets: readonly object[]) => ({
    targets,
    more: { controlPlaneFallback: spec },
  });

  it('each setting is decided by the nearest that has it', () => {
    const policies = [
      policy('all', fallback({ mode: 'Disabled', rememberFor: '1m' }, [toRoute])),
      policy('one', fallback({ mode: 'Enabled', bufferLimitBytes: 65536 }, [toRule])),
    ];
    expect(decideFallback(policies, rule)).toEqual({
      spec: { mode: 'Enabled', rememberFor: '1m', bufferLimitBytes: 65536 },
      policies: ['default/one', 'default/all'],
      overruled: [],
    });
    expect(decideFallback(policies, { ...rule, section: '' })?.spec).toEqual({
      mode: 'Disabled',
      rememberFor: '1m',
    });
  });

  it('the older decides a setting that two have, and the other is told', () => {
    const old = { ...fallback({ mode: 'Enabled' }, [toRoute]), created: '2020-01-01T00:00:00Z' };
    const policies = [
      policy('young', fallback({ mode: 'Disabled', rememberFor: '1m' }, [toRoute])),
      policy('old', old),
    ];
    expect(decideFallback(policies, rule)).toEqual({
      spec: { mode: 'Enabled', rememberFor: '1m' },
      policies: ['default/old', 'default/young'],
      overruled: [{ policy: 'default/young', by: 'default/old' }],
    });
  });

  it('those that say nothing about it decide nothing', () => {
    expect(decideFallback([policy('a', { mode: 'Keep', targets: [toRule] })], rule)).toBe(
      undefined,
    );
  });
});

it('the CRD has every setting of the fallback, and no other', () => {
  const crds = join(import.meta.dirname, '../../deploy/helm/offramp/crds');
  const crd = parse(readFileSync(join(crds, 'offramppolicies.yaml'), 'utf8'));
  const { spec } = crd.spec.versions[0].schema.openAPIV3Schema.properties;
  const { controlPlaneFallback } = spec.properties;
  expect(Object.keys(controlPlaneFallback.properties)).toEqual(fallbackSettings);
});

describe('a policy', () => {
  it('with a wrong setting of the fallback keeps the others, and says what is wrong', () => {
    const odd = policy('odd', {
      targets: [toRoute],
      more: {
        controlPlaneFallback: { mode: 'Enabled', rememberFor: 'ever', pathTemplat: '/a/{id}' },
      },
    });
    expect(odd.fallback).toEqual({ mode: 'Enabled' });
    expect(odd.problems).toEqual([
      expect.stringContaining('spec.controlPlaneFallback.rememberFor: expected 1s to 24h'),
      expect.stringContaining('pathTemplat'),
    ]);
  });

  it('with an unknown field or value keeps what is known, and says what is not', () => {
    const odd = policy('odd', { mode: 'Keep', targets: [toRoute], more: { emptyBackend: {} } });
    expect(odd.emptyBackendsMode).toBe('Keep');
    expect(odd.problems).toEqual([expect.stringContaining('emptyBackend')]);
    const wrong = policy('wrong', { mode: 'Rebalanc', targets: [toRoute] });
    expect(wrong.emptyBackendsMode).toBeUndefined();
    expect(wrong.problems).toEqual([expect.stringContaining('spec.emptyBackends.mode')]);
  });

  it.each(['{', '[]', '{"kind":"ConfigMap"}'])('is not what %s is', (json) => {
    expect(parsePolicy(json)).toBeUndefined();
  });
});

const routeType = 'envoy.config.route.v3.Route';
const gatewayMetadata = {
  'envoy-gateway': {
    resources: [{ kind: 'HTTPRoute', namespace: 'default', name: 'shop', sectionName: 'checkout' }],
  },
};
const plainRoute = {
  name: 'httproute/default/shop/rule/0/match/0/example_com',
  match: { prefix: '/' },
  metadata: { filter_metadata: gatewayMetadata },
  route: {
    weighted_clusters: {
      clusters: [
        { name: 'httproute/default/shop/rule/0/backend/0', weight: { value: 60 } },
        { name: 'invalid-backend-cluster', weight: { value: 40 } },
      ],
    },
  },
};

describe('the stamp of a route', () => {
  const unknown = encodeField({ message: '', name: 'unknown', number: 70_001 }, encodeString('x'));
  const route = Buffer.concat([encodeXds(routeType, plainRoute), unknown]);
  const stamp = {
    policy: 'default/keep',
    mode: 'Keep',
    level: 'rule',
    overruled: ['default/b'],
    outranked: [{ policy: 'default/all', level: 'route' }],
    problems: ['default/b: odd'],
  } as const;

  it('is read as it was written, and once more when it is written twice', () => {
    const other = { ...stamp, mode: 'Rebalance' } as const;
    expect(readStamp(stampRoute(route, stamp))).toEqual(stamp);
    expect(readStamp(stampRoute(stampRoute(route, stamp), other))).toEqual(other);
    expect(readStamp(route)).toBeUndefined();
  });

  it('carries what is decided about the fallback, beside the rest or alone', () => {
    const fallback = {
      spec: { mode: 'Enabled', controlPlane: { cluster: 'api' } },
      policies: ['default/vm'],
      overruled: [{ policy: 'default/b', by: 'default/vm' }],
    } as const;
    expect(readStamp(stampRoute(route, { ...stamp, fallback }))).toEqual({ ...stamp, fallback });
    const alone = { problems: [], fallback };
    expect(readStamp(stampRoute(route, alone))).toEqual(alone);
  });

  it('can be taken off: what is left means the same as before', () => {
    const stamped = stampRoute(route, stamp);
    expect(Buffer.from(stamped).includes(Buffer.from(unknown))).toBe(true);
    const off = unstampRoute(stamped);
    expect(decodeXds(routeType, off)).toEqual(decodeXds(routeType, route));
    expect(unstampRoute(route)).toBe(route);
  });
});

describe('PostRouteModify', () => {
  const request = (...policies: readonly string[]): Buffer => {
    const { ExtensionResource, PostRouteExtensionContext, PostRouteModifyRequest } = fields;
    const context = policies.map((json) =>
      encodeField(
        PostRouteExtensionContext.extension_policies,
        encodeField(ExtensionResource.unstructured_bytes, encodeString(json)),
      ),
    );
    return Buffer.concat([
      encodeField(PostRouteModifyRequest.route, encodeXds(routeType, plainRoute)),
      encodeField(PostRouteModifyRequest.post_route_context, Buffer.concat(context)),
    ]);
  };
  const answered = (bytes: Uint8Array): Uint8Array =>
    lastValueOf(bytes, fields.PostRouteModifyRequest.route) ?? new Uint8Array();
  const keep = policyJson('keep', { mode: 'Keep', targets: [toRule] });

  it('stamps the route with the policy that decides for its rule', () => {
    expect(readStamp(answered(stampRouteOfRequest(request(keep))))).toMatchObject({
      policy: 'default/keep',
      mode: 'Keep',
      level: 'rule',
    });
  });

  it.each([
    ['no policy', request()],
    ['a policy that is no JSON', request('{')],
    ['a policy for another rule', request(policyJson('a', { mode: 'Keep', targets: [toGateway] }))],
  ])('answers with the route as it came when there is %s', (_what, bytes) => {
    expect(Buffer.compare(answered(stampRouteOfRequest(bytes)), answered(bytes))).toBe(0);
  });

  it('stamps the route with what its policies say about the fallback', () => {
    const more = { controlPlaneFallback: { mode: 'Enabled', rememberFor: '1m' } };
    const stamped = readStamp(
      answered(stampRouteOfRequest(request(policyJson('vm', { targets: [toRoute], more })))),
    );
    expect(stamped?.fallback?.spec).toEqual({ mode: 'Enabled', rememberFor: '1m' });
    expect(stamped?.mode).toBe(undefined);
  });

  it('decides what PostTranslateModify does with the split, also against the configuration', () => {
    const rewritten = (mode: 'Rebalance' | 'Keep', routeBytes: Uint8Array) => {
      const virtualHost = Buffer.concat([
        encodeField(fields.VirtualHost.name, encodeString('default/eg/http/example_com')),
        encodeField(fields.VirtualHost.routes, routeBytes),
      ]);
      const routeConfiguration = Buffer.concat([
        encodeField(fields.RouteConfiguration.name, encodeString('default/eg/http')),
        encodeField(fields.RouteConfiguration.virtual_hosts, virtualHost),
      ]);
      const snapshot = readSnapshot(
        encodeField(fields.PostTranslateModifyRequest.routes, routeConfiguration),
      );
      const refs = [
        { backend: 0, weight: 60, verdict: 'ready' },
        { backend: 1, weight: 40, verdict: 'empty' },
      ] as const;
      const state = {
        connectors: ConnectorView.empty,
        backendRefs: lookUpStated(
          refs.map((ref) => ({
            ...ref,
            kind: 'HTTPRoute' as const,
            namespace: 'default',
            name: 'shop',
            rule: 0,
            detail: '',
          })),
        ),
      };
      const settings = configSchema.parse({ emptyBackends: { mode } });
      return atOnce(rewriteEmptyBackends(snapshot, state, settings)).report.changes.length;
    };
    const stamped = (mode: string) =>
      answered(stampRouteOfRequest(request(policyJson('p', { mode, targets: [toRoute] }))));
    const unstamped = encodeXds(routeType, plainRoute);
    expect(rewritten('Rebalance', unstamped)).toBe(1);
    expect(rewritten('Keep', unstamped)).toBe(0);
    expect(rewritten('Rebalance', stamped('Keep'))).toBe(0);
    expect(rewritten('Keep', stamped('Rebalance'))).toBe(1);
  });
});
