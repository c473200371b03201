import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { withFreePorts } from '../support/free-port-configuration.ts';
import { callExtension } from '../support/running-server.ts';
import { encodeRequest } from '../support/xds.ts';

const top = join(import.meta.dirname, '..', '..');
const main = join(top, 'dist', 'main.js');
const snapshot = join(
  top,
  'test',
  'captures',
  'connectors-standalone',
  'post-translate-modify.binpb',
);
const folder = mkdtempSync(join(tmpdir(), 'offramp-commands-'));
const pastedSchema = z.object({ service: z.object({ unix: z.object({ path: z.string() }) }) });

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function offramp(...args: string[]): SpawnSyncReturns<Buffer> {
  return spawnSync(process.execPath, [main, ...args], { timeout: 30_000 });
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

file(
  'connectors.yaml',
  `connectors:
  - name: berlin
    online: false
    routes: [{kind: HTTPRoute, namespace: default, name: berlin, rule: 0}]
`,
);
const config = file('offramp.yaml', 'log: {level: warn}\n');
const onPort = file('port.yaml', 'grpc: {address: "127.0.0.1:5005", insecure: true}\n');

describe('explain', () => {
  it('says what would change, and answers 0 when nothing was skipped', () => {
    const { status, stdout, stderr } = offramp('explain', snapshot, '--config', config);
    expect(String(stderr)).toBe('');
    expect(status).toBe(0);
    expect(String(stdout)).toContain(
      'route-answered (berlin): was cluster httproute/default/berlin/rule/0',
    );
    expect(String(stdout)).toMatch(/\d+ changes, 0 skipped\n$/);
    expect(stdout.includes('\u001b[')).toBe(false);
  });

  it('says that a recording has no endpoints when it should know them by the hook', () => {
    const byHook = file('by-hook.yaml', 'emptyBackends: {endpoints: hook}');
    const { stderr } = offramp('explain', snapshot, '-c', byHook);
    expect(String(stderr)).toMatch(/^warning: a recording has no endpoints: .*endpoints: hook/);
  });

  it('answers 1 when something was skipped, and says why', () => {
    file(
      'skip.yaml',
      'connectors: [{name: berlin, online: false, routes: [{kind: HTTPRoute, name: shared, backend: 0}]}]',
    );
    const skipping = file('skipping.yaml', 'state: {file: {path: skip.yaml}}');
    const { status, stdout } = offramp('explain', snapshot, '-c', skipping);
    expect(status).toBe(1);
    expect(String(stdout)).toContain('merged-cluster');
    expect(String(stdout)).toContain('state the rule without `backend`');
  });

  it.each(['json', 'yaml'])('says the same as %s, with the decoded differences', (form) => {
    const { status, stdout } = offramp('explain', snapshot, '-c', config, '--output', form);
    expect(status).toBe(0);
    const explained: unknown = form === 'json' ? JSON.parse(String(stdout)) : parse(String(stdout));
    expect(explained).toMatchObject({
      mode: 'apply',
      summary: { connector_offline_routes: 1 },
      skips: [],
      changes: expect.arrayContaining([expect.objectContaining({ effect: 'route-answered' })]),
      differences: expect.arrayContaining([
        expect.objectContaining({
          kind: 'routes',
          before: expect.objectContaining({
            route: expect.objectContaining({ cluster: 'httproute/default/berlin/rule/0' }),
          }),
          after: expect.objectContaining({
            direct_response: { status: 503, body: { inline_string: 'Tunnel not online' } },
          }),
        }),
      ]),
    });
  });

  it('writes the exact bytes of the response, to a file or to standard output', () => {
    const out = join(folder, 'response.binpb');
    const args = ['explain', snapshot, '-c', config, '--output', 'binpb'];
    expect(offramp(...args, '--out', out).status).toBe(0);
    const bytes = readFileSync(out);
    expect(bytes.includes('Tunnel not online')).toBe(true);
    expect(offramp(...args).stdout).toEqual(bytes);
  });

  it.each([
    [
      'a snapshot that is not there',
      ['explain', join(folder, 'none'), '-c', config],
      /none: cannot be read: ENOENT/,
    ],
    [
      'a snapshot that is none',
      ['explain', main, '-c', config],
      /main.js: not a recorded hook request: .* at byte \d+/,
    ],
    [
      'a configuration that is not there',
      ['explain', snapshot, '-c', join(folder, 'no.yaml')],
      /no\.yaml: cannot be read/,
    ],
    ['no snapshot', ['explain'], /^offramp: usage\nerror: missing required argument 'snapshot'/],
    [
      'an unknown option',
      ['explain', snapshot, '--outptu', 'json'],
      /unknown option '--outptu'\n\(Did you mean --output\?\)/,
    ],
    [
      'an unknown form',
      ['explain', snapshot, '--output', 'xml'],
      /Allowed choices are text, json, yaml, binpb/,
    ],
    ['an unknown command', ['explian'], /unknown command 'explian'\n\(Did you mean explain\?\)/],
  ])('answers 2 and the reason to %s', (_what, args, reason) => {
    const { status, stderr } = offramp(...args);
    expect(String(stderr)).toMatch(reason);
    expect(status).toBe(2);
  });
});

describe('check', () => {
  it('says that a configuration and its state file would work', () => {
    const { status, stdout } = offramp('check', config);
    expect(String(stdout)).toContain('a valid OfframpConfiguration');
    expect(String(stdout)).toContain('0 online and 1 offline connectors');
    expect(status).toBe(0);
  });

  it('answers 1 with line, column and the nearest name', () => {
    const bad = file('bad.yaml', 'mode: apply\nmetrics:\n  prefx: x\n');
    const { status, stdout } = offramp('check', bad);
    expect(String(stdout)).toContain(
      'bad.yaml:3:3: metrics.prefx: there is no field prefx here; did you mean prefix?',
    );
    expect(status).toBe(1);
  });

  it('finds what is wrong in the state file that the configuration names', () => {
    file('broken.yaml', 'connectors:\n  - {name: a, online: true}\n');
    const naming = file('naming.yaml', 'state: {file: {path: broken.yaml}}');
    const { status, stdout } = offramp('check', naming);
    expect(String(stdout)).toMatch(
      /broken\.yaml:2:5: connectors\[0\]\.tunnel: an online connector needs its tunnel/,
    );
    expect(status).toBe(1);
  });

  it('reads a state file alone too', () => {
    expect(offramp('check', join(folder, 'connectors.yaml')).status).toBe(0);
    expect(offramp('check', join(folder, 'absent.yaml')).status).toBe(2);
  });

  const envoyGateway = (service: string) =>
    file(
      'envoy-gateway.yaml',
      `apiVersion: v1
kind: ConfigMap
data:
  envoy-gateway.yaml: |
    apiVersion: gateway.envoyproxy.io/v1alpha1
    kind: EnvoyGateway
    extensionManager:
      hooks:
        xdsTranslator:
          post: [Translation]
          translation: { route: { includeAll: true }, secret: { includeAll: false } }
      maxMessageSize: 256M
      service: ${service}
`,
    );

  it('reads Envoy Gateway’s configuration alone; warnings do not make it fail', () => {
    const { status, stdout } = offramp('check', envoyGateway('{ unix: { path: /offramp.sock } }'));
    expect(String(stdout)).toMatch(/^ok: .*envoy-gateway\.yaml: an EnvoyGateway configuration\n/);
    expect(String(stdout)).toMatch(
      /^warning: .*envoy-gateway\.yaml:11:24: .*\.listener\.includeAll: .*\[listeners-not-sent\]\n {2}CONNECT/m,
    );
    expect(status).toBe(0);
  });

  it('compares it with the configuration of Offramp, whichever comes first', () => {
    const theirs = envoyGateway('{ fqdn: { hostname: localhost, port: 5006 } }');
    for (const files of [
      [onPort, theirs],
      [theirs, onPort],
    ]) {
      const { status, stdout } = offramp('check', ...files);
      expect(String(stdout)).toContain('a valid OfframpConfiguration');
      expect(String(stdout)).toMatch(
        /^error: .*envoy-gateway\.yaml:13:24: .*calls localhost:5006.*127\.0\.0\.1:5005.*\[address-differs\]$/m,
      );
      expect(status).toBe(1);
    }
    const fitting = envoyGateway('{ fqdn: { hostname: localhost, port: 5005 } }');
    const { status, stdout } = offramp('check', onPort, fitting);
    expect(String(stdout)).toContain(
      'an EnvoyGateway configuration that fits Offramp at 127.0.0.1:5005',
    );
    expect(status).toBe(0);
  });

  it('says the same as json, with a code for each finding', () => {
    const theirs = envoyGateway('{ fqdn: { hostname: localhost, port: 5006 } }');
    const { status, stdout } = offramp('check', onPort, theirs, '--output', 'json');
    expect(status).toBe(1);
    expect(JSON.parse(String(stdout))).toEqual({
      works: false,
      findings: expect.arrayContaining([
        { level: 'ok', code: 'valid', file: onPort, problem: 'a valid OfframpConfiguration' },
        {
          level: 'error',
          code: 'address-differs',
          file: theirs,
          line: 13,
          column: 24,
          path: 'extensionManager.service.fqdn',
          problem: expect.stringContaining('calls localhost:5006'),
          consequence: expect.stringContaining('without end'),
          remedy: expect.stringContaining('grpc.address'),
          yaml: expect.stringContaining('port: 5005'),
          outcome: 'waits',
        },
      ]),
    });
  });

  it.each([
    ['a file about something else', 'apiVersion: v1\nkind: Service\n', /no EnvoyGateway configur/],
    ['several documents without one', 'kind: A\n---\nkind: B\n', /data\["envoy-gateway\.yaml"\]/],
    [
      'a ConfigMap without the key',
      'kind: ConfigMap\ndata: { a: b }\n',
      /no EnvoyGateway configur/,
    ],
  ])('cannot use %s', (_what, text, reason) => {
    const { status, stderr } = offramp('check', file('other.yaml', text));
    expect(String(stderr)).toMatch(reason);
    expect(status).toBe(2);
  });

  it('wants to know which of two Offramps Envoy Gateway is to fit', () => {
    const theirs = envoyGateway('{ unix: { path: /offramp.sock } }');
    const another = file('another.yaml', 'mode: shadow\n');
    const { status, stderr } = offramp('check', config, another, theirs);
    expect(String(stderr)).toMatch(/Give one configuration of these: .*offramp\.yaml, .*another/);
    expect(status).toBe(2);
  });
});

describe('serve', () => {
  it('refuses a broken configuration with 2 and the place', () => {
    const bad = file('serve-bad.yaml', 'grpc: {address: nowhere}\n');
    const { status, stderr } = offramp('serve', '--config', bad);
    expect(String(stderr)).toContain(
      'serve-bad.yaml:1:17: grpc.address: expected host:port or unix:path',
    );
    expect(status).toBe(2);
  });

  it('refuses plain text over TCP that nobody asked for with 2, the place and the ways out', () => {
    const plain = file(
      'serve-plain.yaml',
      'http: {address: "127.0.0.1:0"}\ngrpc: {address: "127.0.0.1:0"}\n',
    );
    const { status, stdout, stderr } = offramp('serve', '--config', plain);
    expect(String(stderr)).toMatch(
      /serve-plain\.yaml:2:17: grpc\.address: 127\.0\.0\.1:0 is TCP, .* grpc\.tls .* unix socket .* grpc\.insecure: true$/m,
    );
    expect(String(stdout)).toBe('');
    expect(status).toBe(2);
  });

  it('refuses to start with a broken state file', () => {
    file('serve-state.yaml', 'connectors: 3\n');
    const broken = file('serve-broken.yaml', 'state: {file: {path: serve-state.yaml}}');
    const { status, stderr } = offramp('serve', '--config', broken);
    expect(String(stderr)).toContain('serve-state.yaml:1:13: connectors: ');
    expect(status).toBe(2);
  });

  it('ends on SIGTERM with 0', async () => {
    const free = file('free.yaml', stringify(withFreePorts({})));
    const server = spawn(process.execPath, [main, 'serve', '-c', free]);
    let log = '';
    server.stdout.on('data', (chunk) => {
      log += String(chunk);
      if (String(chunk).includes('"serving"')) server.kill('SIGTERM');
    });
    const code = await new Promise((resolve) => server.once('exit', resolve));
    expect(code).toBe(0);
    expect(log).toContain('"stopped"');
  });
});

describe('demo', () => {
  it('shows a real recorded call, what changed, the metrics and the log line', () => {
    const { status, stdout } = offramp('demo', '--once');
    const text = String(stdout);
    expect(status).toBe(0);
    expect(text).toContain('inline_string: Tunnel not online');
    expect(text).toContain('server_listener_name: connector-tunnel');
    expect(text).toMatch(/offramp_connector_offline_routes_total {2}0 -> 1/);
    expect(text).toContain('"msg":"PostTranslateModify"');
  });

  it('stays up, and takes calls at the socket that it says to paste', async () => {
    const demo = spawn(process.execPath, [main, 'demo']);
    onTestFinished(() => void demo.kill('SIGKILL'));
    const exited = once(demo, 'exit');
    let said = '';
    for await (const chunk of demo.stdout) {
      said += String(chunk);
      if (said.includes('Ctrl-C ends the demo.')) break;
    }
    const { service } = pastedSchema.parse(parse(/^ {4}service: .*$/m.exec(said)?.[0] ?? ''));
    const request = encodeRequest({ clusters: [{ name: 'app' }] });
    const address = `unix:${service.unix.path}`;
    expect(said).toContain(`hook on ${address},`);
    const answer = await callExtension(address, 'PostTranslateModify', request);
    expect(answer.includes('app')).toBe(true);
    demo.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    expect(existsSync(service.unix.path)).toBe(false);
  });

  it('says what to type for the demo on a real Envoy Gateway', () => {
    const { status, stderr } = offramp('demo', '--gateway');
    expect(String(stderr)).toContain('npm run demo -- --gateway');
    expect(status).toBe(2);
  });
});

it('reads a gzipped snapshot, and an empty one', () => {
  const empty = file('empty.binpb', encodeRequest({}));
  expect(offramp('explain', empty, '-c', config).status).toBe(0);
});
