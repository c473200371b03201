import { describe, expect, it } from 'vitest';
import { parseEndpoint, readHttpProxy } from '../../../src/state/kubernetes/http-proxy.ts';

describe('an endpoint', () => {
  it.each([
    ['http://app.local:8080', { host: 'app.local', port: 8080 }],
    ['http://app.local', { host: 'app.local', port: 80 }],
    ['https://app.local', { host: 'app.local', port: 443 }],
    ['https://app.local:443/path?query#fragment', { host: 'app.local', port: 443 }],
    ['http://app.local:443', { host: 'app.local', port: 443 }],
    ['wss://app.local', { host: 'app.local', port: 443 }],
    ['h2c://app.local:50051', { host: 'app.local', port: 50_051 }],
    ['h2c://app.local', { host: 'app.local', port: 80 }],
    ['http://[::1]:3000', { host: '[::1]', port: 3000 }],
    ['http://10.0.0.1', { host: '10.0.0.1', port: 80 }],
  ])('%s leads to %o', (endpoint, target) => {
    expect(parseEndpoint(endpoint)).toEqual(target);
  });

  it.each(['', 'app.local', 'localhost:8080', '/path', 'http://', 'http://a:99999', 'http://a:0'])(
    '%j leads nowhere',
    (endpoint) => {
      expect(parseEndpoint(endpoint)).toBeUndefined();
    },
  );
});

describe('an HTTPProxy', () => {
  const read = (...rules: unknown[]) => readHttpProxy({ metadata: {}, spec: { rules } });

  it('says which backend of which rule is behind which connector', () => {
    const proxy = read(
      { backends: [{ endpoint: 'http://plain' }] },
      {
        backends: [
          { endpoint: 'http://plain' },
          { endpoint: 'http://home:8123', connector: { name: 'berlin' } },
        ],
      },
    );
    const home = { backend: 1, connector: 'berlin', host: 'home', port: 8123 };
    expect(proxy.rules).toEqual([{ rule: 1, isWhole: false, backends: [home] }]);
    expect(proxy.problems).toEqual([]);
  });

  it('gives the whole rule to a backend without siblings', () => {
    const proxy = read({ backends: [{ endpoint: 'http://home', connector: { name: 'berlin' } }] });
    expect(proxy.rules).toMatchObject([{ rule: 0, isWhole: true }]);
  });

  it('leaves out a backend whose endpoint is no URL, and says where it is', () => {
    const proxy = read({
      backends: [
        { endpoint: 'home', connector: { name: 'berlin' } },
        { endpoint: 'http://home', connector: { name: 'oslo' } },
      ],
    });
    expect(proxy.rules).toMatchObject([
      { rule: 0, isWhole: false, backends: [{ backend: 1, connector: 'oslo' }] },
    ]);
    expect(proxy.problems).toEqual(['rule 0, backend 0: its endpoint "home" is no URL with host']);
  });

  it('shows neither the credentials in such an endpoint nor a megabyte of it', () => {
    const endpoint = `http://user:hunter2@home:99999/${'x'.repeat(1_000_000)}`;
    const { problems } = read({ backends: [{ endpoint, connector: { name: 'berlin' } }] });
    expect(problems).toEqual([expect.stringContaining('"http://…@home:99999/xxx')]);
    expect(problems.join().length).toBeLessThan(200);
  });

  it.each([
    ['no spec', {}],
    ['no rules', { spec: {} }],
    ['rules that are null', { spec: { rules: null } }],
    ['a rule without backends', { spec: { rules: [{}, { backends: null }] } }],
    ['a connector without a name', { spec: { rules: [{ backends: [{ connector: {} }] }] } }],
    ['a connector that is null', { spec: { rules: [{ backends: [{ connector: null }] }] } }],
  ])('with %s is behind no connector, and nothing is wrong', (_what, object) => {
    expect(readHttpProxy(object)).toEqual({ rules: [], problems: [] });
  });

  it.each([[null], ['text'], [{ spec: { rules: {} } }], [{ spec: { rules: [{ backends: 1 }] } }]])(
    'of an unknown form (%j) is behind no connector, and says so',
    (object) => {
      expect(readHttpProxy(object)).toEqual({
        rules: [],
        problems: ['its spec does not have the known form'],
      });
    },
  );
});
