import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { formatProblem, parseYaml } from '../../src/config/yaml-file.ts';

const tls = 'tls: {certFile: tls.crt, keyFile: tls.key, clientCAFile: ca.crt}';

function problemsOf(grpc: string): string[] {
  const parsed = parseYaml('offramp.yaml', `grpc:\n  ${grpc}`, configSchema);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

describe('gRPC in plain text', () => {
  it.each([
    '127.0.0.1:5005',
    'localhost:5005',
    '[::1]:0',
    '0.0.0.0:5005',
    'offramp.example.com:5005',
  ])('over TCP at %s is refused unless asked for, with its place and the ways out', (address) => {
    for (const more of ['', '\n  insecure: false']) {
      expect(problemsOf(`address: "${address}"${more}`)).toEqual([
        `offramp.yaml:2:12: grpc.address: ${address} is TCP, where gRPC would be plain text: give ` +
          'grpc.tls {certFile, keyFile, clientCAFile}, or listen on a unix socket ' +
          '(unix:run/offramp.sock), or ask for plain text by grpc.insecure: true',
      ]);
    }
    expect(problemsOf(`address: "${address}"\n  insecure: true`)).toEqual([]);
    expect(problemsOf(`address: "${address}"\n  ${tls}`)).toEqual([]);
  });

  it.each(['unix:run/offramp.sock', 'unix:/run/offramp.sock', 'unix:///run/offramp.sock'])(
    'over %s needs no asking',
    (address) => {
      expect(problemsOf(`address: ${address}`)).toEqual([]);
      expect(problemsOf(`address: ${address}\n  ${tls}`)).toEqual([]);
    },
  );

  it('is what nobody asks for who asks for TLS', () => {
    const refused = ['offramp.yaml:4:13: grpc.insecure: there is grpc.tls; give one of the two'];
    expect(problemsOf(`address: 0.0.0.0:5005\n  ${tls}\n  insecure: true`)).toEqual(refused);
  });

  it('is by default over a unix socket', () => {
    expect(configSchema.parse({}).grpc).toMatchObject({
      address: 'unix:run/offramp.sock',
      insecure: false,
    });
  });
});
