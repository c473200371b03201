import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseClusterName,
  parseRouteName,
  parseRuleOfRoute,
  sanitizeName,
  sanitizeVirtualHostNames,
} from '../../src/xds/names.ts';

describe('cluster names', () => {
  const rule = { namespace: 'default', name: 'oslo', rule: 2 };

  it('tell the rule, and the backendRef where each has a cluster of its own', () => {
    expect(parseClusterName('httproute/default/oslo/rule/2')).toEqual({
      kind: 'httproute',
      ...rule,
    });
    expect(parseClusterName('grpcroute/default/oslo/rule/2/backend/11')).toEqual({
      kind: 'grpcroute',
      ...rule,
      backend: 11,
    });
  });

  it.each([
    'httproute/default/oslo/rule/2-mirror-0',
    'httproute/default/oslo/rule/-1',
    'tcproute/default/ssh/rule/-1',
    'service/default/oslo/80',
    'service/default/oslo/80/http2',
    'invalid-backend-cluster',
    'httproute/default/oslo/rule/2/backend/',
    'a/httproute/default/oslo/rule/2',
    '',
  ])('%s is not one of a rule', (name) => {
    expect(parseClusterName(name)).toBeUndefined();
  });
});

describe('route names', () => {
  it.each([
    'httproute/ns/app/rule/3/match/0/app_example_com',
    'httproute/ns/app/rule/3/match/0/*_wild_example_com',
    'httproute/ns/app/rule/3/match/-1/*',
    'httproute/ns/app/rule/3/match/12',
    'httproute/ns/app/rule/3/match/0/host/offline-websocket',
  ])('%s tells the rule', (name) => {
    expect(parseRouteName(name)).toEqual({
      kind: 'httproute',
      namespace: 'ns',
      name: 'app',
      rule: 3,
    });
  });

  it.each(['', 'custom', 'httproute/ns/app/rule/x/match/0/host', 'httproute/ns/app/rule/3'])(
    '%j tells none',
    (name) => {
      expect(parseRouteName(name)).toBeUndefined();
    },
  );
});

describe('virtual host names in domains', () => {
  it('keep [a-z0-9.-], the rest becomes a dash', () => {
    const names = sanitizeVirtualHostNames(['default/eg/http/*_Wild_com', 'x.example-1.com']);
    expect([...names.values()]).toEqual(['default-eg-http----ild-com', 'x.example-1.com']);
  });

  it('get eight digits of their own hash where two would meet, whatever their order', () => {
    const one = sanitizeVirtualHostNames(['a/b-c', 'a-b/c', 'other']);
    const other = sanitizeVirtualHostNames(['other', 'a-b/c', 'a/b-c', 'a-b/c']);
    expect(new Set(one.values()).size).toBe(3);
    expect(one.get('a/b-c')).toMatch(/^a-b-c-[0-9a-f]{8}$/);
    expect(one.get('a-b/c')).toBe(other.get('a-b/c'));
    expect(one.get('other')).toBe('other');
  });
});

describe('names of rules', () => {
  const clusterForm = /^([a-z]+route)\/([^/]+)\/([^/]+)\/rule\/(\d+)(?:\/backend\/(\d+))?$/;
  const routeForm = /^([a-z]+route)\/([^/]+)\/([^/]+)\/rule\/(\d+)\/match\/-?\d+(?:\/.*)?$/s;
  const piece = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom('/', 'rule', 'match', 'backend', '-', '0', '12', '007'),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom('httproute', 'route', 'grpcroute', 'xRoute', 'HTTPRoute'),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\n', ' ', '٣', 'é', '123456789012345678901234567890'),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 3 }) },
  );
  const usual = 'httproute / ns / app / rule / 3 / match / 0 / host'.split(' ');
  const asCluster = 'grpcroute / ns / app / rule / 3 / backend / 1'.split(' ');
  /** One of the usual names, a few of whose pieces are others, or any pieces. */
  const names = fc.oneof(
    fc.array(piece, { maxLength: 12 }),
    fc
      .tuple(
        fc.constantFrom(usual, asCluster),
        fc.array(fc.tuple(fc.nat(12), fc.option(piece)), { maxLength: 3 }),
      )
      .map(([pieces, changes]) => {
        const changed = [...pieces];
        for (const [at, other] of changes)
          changed.splice(at, 1, ...(other === null ? [] : [other]));
        return changed;
      }),
  );

  it('are taken apart as these regular expressions say', () => {
    fc.assert(
      fc.property(names, (pieces) => {
        const name = pieces.join('');
        const [, kind, namespace, its, rule, backend] = clusterForm.exec(name) ?? [];
        const expected = { kind, namespace, name: its, rule: Number(rule) };
        const withBackend = backend === undefined ? {} : { backend: Number(backend) };
        expect(parseClusterName(name)).toEqual(
          kind === undefined ? undefined : { ...expected, ...withBackend },
        );
        const [, routeKind, routeNamespace, routeName, routeRule] = routeForm.exec(name) ?? [];
        expect(parseRouteName(name)).toEqual(
          routeKind === undefined
            ? undefined
            : {
                kind: routeKind,
                namespace: routeNamespace,
                name: routeName,
                rule: Number(routeRule),
              },
        );
        expect(parseRuleOfRoute(name)).toBe(
          routeKind === undefined ? undefined : Number(routeRule),
        );
      }),
      { numRuns: 5_000 },
    );
  });
});

it('keeps small letters, digits, dots and dashes of a name', () => {
  const unit = fc.oneof(
    fc.constantFrom(...'az`{09/:.-,_AZü\u{1F600}'),
    fc.string({ unit: 'binary' }),
  );
  const name = fc.array(unit, { maxLength: 300 }).map((units) => units.join(''));
  fc.assert(
    fc.property(name, (given) => {
      expect(sanitizeName(given)).toBe(given.replaceAll(/[^a-z0-9.-]/g, '-'));
    }),
  );
});
