import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { formatProblem, parseYaml } from '../../src/config/yaml-file.ts';

const example = join(import.meta.dirname, '..', '..', 'examples', 'offramp.yaml');

function problems(text: string): string[] {
  const parsed = parseYaml('offramp.yaml', text, configSchema);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

/** What is wrong below controlPlaneFallback, with its place from line 2 on and the reason. */
const fallbackMistakes = [
  ['routes: [{name: vm}]', '2:3: controlPlaneFallback.controlPlane: needed, because routes are'],
  ['pathTemplate: browsers/{id}', '2:17: controlPlaneFallback.pathTemplate: expected a path'],
  ['pathTemplate: /browsers', '2:17: controlPlaneFallback.pathTemplate: expected {id} exactly'],
  ['pathTemplate: /b/{id}/{id}', '2:17: controlPlaneFallback.pathTemplate: expected {id} exactly'],
  ['pathTemplate: "/b/x-{id}"', '2:17: controlPlaneFallback.pathTemplate: expected {id} exactly'],
  ['pathTemplate: "/{id}"', '2:17: controlPlaneFallback.pathTemplate: expected a segment in front'],
  ['pathTemplate: /b/{id}/x', '2:17: controlPlaneFallback.pathTemplate: expected {id} exactly'],
  ['pathTemplate: "/b//{id}"', '2:17: controlPlaneFallback.pathTemplate: "" is no segment'],
  ['pathTemplate: /b/../{id}', '2:17: controlPlaneFallback.pathTemplate: ".." is no segment'],
  ['pathTemplate: "/b?x/{id}"', '2:17: controlPlaneFallback.pathTemplate: "b?x" is no segment'],
  [
    'registry: [{subresource: a/b, suffix: /x}]',
    '2:28: controlPlaneFallback.registry[0].subresource: expected one segment',
  ],
  [
    'registry: [{subresource: a, suffix: x}]',
    '2:39: controlPlaneFallback.registry[0].suffix: expected / and a path',
  ],
  ['controlPlane: {}', '2:17: controlPlaneFallback.controlPlane: give cluster, or host and port'],
  ['controlPlane: {host: a}', '2:17: controlPlaneFallback.controlPlane: host needs its port'],
  [
    'controlPlane: {cluster: a, port: 1}',
    '2:36: controlPlaneFallback.controlPlane.port: there is cluster already',
  ],
  [
    'controlPlane: {host: 10.0.0.1, port: 443, tls: {}}',
    '2:50: controlPlaneFallback.controlPlane.tls: host is an IP address: give sni',
  ],
  ['rememberFor: 5', '2:16: controlPlaneFallback.rememberFor: Invalid input'],
  ['rememberFor: 100ms', '2:16: controlPlaneFallback.rememberFor: expected 1s to 24h'],
  ['rememberFor: 25h', '2:16: controlPlaneFallback.rememberFor: expected 1s to 24h'],
  ['bufferLimitBytes: 10', '2:21: controlPlaneFallback.bufferLimitBytes: Too small'],
  [
    'injectedQueryParameter: a&b',
    '2:27: controlPlaneFallback.injectedQueryParameter: expected letters',
  ],
] as const;

describe('a configuration', () => {
  it('needs no field: an empty file is every default, as the example has them', () => {
    const empty = parseYaml('offramp.yaml', '', configSchema);
    const shown = parseYaml(example, readFileSync(example, 'utf8'), configSchema);
    expect(empty).toMatchObject({ ok: true, value: configSchema.parse({}) });
    expect(shown).toMatchObject({ ok: true, value: configSchema.parse({}) });
  });

  it('takes a socket’s path of as many bytes as there is room for, however it is written', () => {
    const path = `/${'x'.repeat(106)}`;
    expect(problems(`grpc: {address: "unix:${path}"}`)).toEqual([]);
    expect(problems(`grpc: {address: "unix://${path}"}`)).toEqual([]);
    expect(problems(`grpc: {address: "unix:/${'é'.repeat(54)}"}`)).toHaveLength(1);
  });

  it('takes one port for two hosts, and a free one for each', () => {
    const http = 'http: {address: "10.0.0.1:8091"}';
    expect(problems(`${http}\nadmin: {address: "127.0.0.1:8091"}`)).toEqual([]);
    const free = 'http: {address: "127.0.0.1:0"}\nadmin: {address: "127.0.0.1:0"}';
    expect(problems(`${free}\ngrpc: {address: "127.0.0.1:0", insecure: true}`)).toEqual([]);
  });

  it('takes a number for a header, as people write Retry-After', () => {
    const text = 'connectors: {offlineResponse: {headers: {Retry-After: 30}}}';
    const parsed = parseYaml('offramp.yaml', text, configSchema);
    expect(parsed.ok && parsed.value.connectors.offlineResponse.headers).toEqual({
      'Retry-After': '30',
    });
  });

  it.each([
    ['modee: apply', 'offramp.yaml:1:1: modee: there is no field modee here; did you mean mode?'],
    [
      'state:\n  file:\n    pth: x',
      'offramp.yaml:3:5: state.file.pth: there is no field pth here; did you mean path?',
    ],
    [
      'grpc:\n  completelyOther: 1',
      'offramp.yaml:2:3: grpc.completelyOther: there is no field completelyOther here; valid here: address',
    ],
    [
      'connectors: {offlineResponse: {headers: {Host: x}}}',
      'offramp.yaml:1:48: connectors.offlineResponse.headers.Host: Envoy refuses to set host',
    ],
    ['mode: off', 'offramp.yaml:1:7: mode: Invalid option: expected one of "apply"|"shadow"'],
    ['http: {address: "8080"}', 'offramp.yaml:1:17: http.address: expected host:port'],
    ['http: {address: "a:99999"}', 'offramp.yaml:1:17: http.address: expected host:port'],
    ['http: {address: "unix:x"}', 'offramp.yaml:1:17: http.address: expected host:port'],
    [
      `grpc: {address: "unix:/${'x'.repeat(107)}"}`,
      'offramp.yaml:1:17: grpc.address: the path is longer than the 107 bytes',
    ],
    [
      'grpc: {address: "127.0.0.1:8080", insecure: true}',
      'offramp.yaml:1:1: http.address: grpc.address has this port already',
    ],
    [
      'http: {address: "0.0.0.0:8091"}\nadmin: {address: "127.0.0.1:8091"}',
      'offramp.yaml:2:18: admin.address: another address has this port already',
    ],
    ['metrics: {prefix: a-b}', 'offramp.yaml:1:19: metrics.prefix: expected letters'],
    [
      'connectors:\n  offlineResponse:\n    status: 99',
      'offramp.yaml:3:13: connectors.offlineResponse.status: Too small',
    ],
    [
      'connectors: {offlineResponse: {headers: {"a b": x}}}',
      'offramp.yaml:1:49: connectors.offlineResponse.headers.a b: not an HTTP header name',
    ],
    [
      `connectors: {offlineResponse: {body: ${'x'.repeat(4097)}}}`,
      'offramp.yaml:1:38: connectors.offlineResponse.body: Envoy answers with at most 4096 bytes',
    ],
    [
      'state:\n  file: {}\n  kubernetes: {}',
      'offramp.yaml:3:15: state.kubernetes: there is state.file already; give one of the two',
    ],
    [
      'state: {kubernetes: {}}\nretrigger: {folder: x}',
      'offramp.yaml:2:21: retrigger.folder: works with state.file only',
    ],
    [
      'state: {kubernetes: {namespaces: [Shop]}}',
      'offramp.yaml:1:35: state.kubernetes.namespaces[0]: not a namespace name',
    ],
    [
      'state: {kubernetes: {namespace: [a]}}',
      'offramp.yaml:1:22: state.kubernetes.namespace: there is no field namespace here; did you mean namespaces?',
    ],
    [
      'mode: apply\n---\nmode: shadow',
      'offramp.yaml:2:1: a second document begins here; one is read',
    ],
    ['mode: apply\nmode: shadow', 'offramp.yaml:2:1: Map keys must be unique'],
    ['grpc: {address: [', 'offramp.yaml:1:18: '],
    ['- a list', 'offramp.yaml:1:1: Invalid input: expected object, received array'],
    ['mode: *nowhere', 'offramp.yaml:1:1: '],
    [
      'a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c]',
      'offramp.yaml:1:1: Excessive alias count',
    ],
  ])('%j is refused with its place', (text, expected) => {
    const found = problems(text);
    expect(
      found.some((problem) => problem.startsWith(expected)),
      found.join('\n'),
    ).toBe(true);
  });

  it('tells ten problems of a badly broken file, and how many more there are', () => {
    const found = problems('['.repeat(200));
    expect(found).toHaveLength(10);
    expect(found.at(-1)).toMatch(/and \d+ problems more/);
  });

  it('tells everything that is wrong at once', () => {
    expect(problems('mode: off\nlog: {level: loud}\nextra: 1')).toHaveLength(3);
  });
});

describe('the control-plane fallback', () => {
  it.each(fallbackMistakes)('with %j is refused with its place', (text, expected) => {
    const found = problems(`controlPlaneFallback:\n  ${text}`);
    expect(found).toEqual([expect.stringContaining(`offramp.yaml:${expected}`)]);
  });
});
