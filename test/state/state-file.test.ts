import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/config/yaml-file.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { parseStateFile } from '../../src/state/state-file.ts';

function problems(text: string): string[] {
  const parsed = parseStateFile('connectors.yaml', text);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

function view(text: string): ConnectorView {
  const parsed = parseStateFile('connectors.yaml', text);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return new ConnectorView(parsed.value.connectors);
}

describe('a state file', () => {
  it('finds a connector by route, rule and backendRef, and by cluster', () => {
    const known = view(`connectors:
  - {name: a, online: false, routes: [{kind: HTTPRoute, name: whole}], clusters: [service/x]}
  - {name: b, online: false, routes: [{kind: GRPCRoute, namespace: ns, name: part, rule: 1, backend: 2}]}
`);
    const whole = { kind: 'httproute', namespace: 'default', name: 'whole', rule: 7 };
    expect(known.forRule(whole)?.whole?.name).toBe('a');
    expect(known.forRule({ ...whole, kind: 'GRPCRoute' })).toBeUndefined();
    const part = { kind: 'GRPCRoute', namespace: 'ns', name: 'part', rule: 1 };
    expect(known.forRule(part)?.byBackend.get(2)?.name).toBe('b');
    expect(known.forRule({ ...part, rule: 0 })).toBeUndefined();
    expect(known.claimsRoute(part)).toBe(true);
    expect(known.forCluster('service/x')?.name).toBe('a');
    expect(ConnectorView.empty.isEmpty).toBe(true);
    expect(known.isEmpty).toBe(false);
  });

  it('adds what is said of one rule to what is said of every rule', () => {
    const known = view(`connectors:
  - {name: a, online: false, routes: [{kind: HTTPRoute, name: x, backend: 0}]}
  - {name: b, online: false, routes: [{kind: HTTPRoute, name: x, rule: 3, backend: 1}]}
`);
    const route = { kind: 'HTTPRoute', namespace: 'default', name: 'x' };
    const names = (rule: number) =>
      [...(known.forRule({ ...route, rule })?.byBackend ?? [])].map(([at, { name }]) => [at, name]);
    expect(names(3)).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
    expect(names(0)).toEqual([[0, 'a']]);
  });

  it.each([
    ['connectors:\n  - name: a', 'connectors.yaml:2:5: connectors[0].online: Invalid input'],
    [
      'connectors:\n  - {name: a, online: true}',
      'connectors.yaml:2:5: connectors[0].tunnel: an online connector needs its tunnel',
    ],
    [
      'connectors:\n  - {name: a, online: true, tunnel: {host: h, port: 0, endpointId: e}}',
      'connectors.yaml:2:53: connectors[0].tunnel.port: Too small',
    ],
    [
      'connectors:\n  - {name: a, online: false, routes: [{kind: TCPRoute, name: x}]}',
      'connectors.yaml:2:46: connectors[0].routes[0].kind: Invalid option',
    ],
    [
      'connectors:\n  - {name: a, online: false, routs: []}',
      'connectors.yaml:2:30: connectors[0].routs: there is no field routs here; did you mean routes?',
    ],
    [
      'connectors:\n  - {name: a, online: false}\n  - {name: a, online: false}',
      'connectors.yaml:3:12: connectors[1].name: there is a connector a above already',
    ],
  ])('%j is refused with its place', (text, expected) => {
    const found = problems(text);
    expect(
      found.some((problem) => problem.startsWith(expected)),
      found.join('\n'),
    ).toBe(true);
  });

  const a = (claims: string) => `  - {name: a, online: false, ${claims}}\n`;
  const b = (claims: string) => `  - {name: b, online: false, ${claims}}\n`;
  const route = (more: string) => `routes: [{kind: HTTPRoute, name: x${more}}]`;
  const clusters = (name: string) => `clusters: [${name}]`;

  it.each([
    ['a rule and the whole route', a(route('')), b(route(', rule: 1'))],
    ['a backendRef and its rule', a(route(', rule: 1')), b(route(', rule: 1, backend: 0'))],
    ['one backendRef in every rule', a(route(', backend: 1')), b(route(', rule: 2, backend: 1'))],
    ['one cluster', a(clusters('c')), b(clusters('c'))],
    [
      'a rule and its cluster',
      a(route(', rule: 0')),
      b(clusters('httproute/default/x/rule/0/backend/1')),
    ],
  ])('two connectors cannot claim %s', (_what, one, other) => {
    expect(problems(`connectors:\n${one}${other}`)).toEqual([
      expect.stringMatching(/^connectors\.yaml:3:12: connectors\[1\]\.name: a claims .* already/),
    ]);
  });

  it('lets two connectors have different backendRefs, and one have the same twice', () => {
    const apart = `${a(route(', rule: 0, backend: 0'))}${b(route(', rule: 0, backend: 1'))}`;
    expect(problems(`connectors:\n${apart}`)).toEqual([]);
    expect(
      problems(`connectors:\n${a(`${route('')}, ${clusters('httproute/default/x/rule/0')}`)}`),
    ).toEqual([]);
  });
});
