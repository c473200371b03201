import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { checkEnvoyGateway } from '../../src/envoy-gateway/check-configuration.ts';
import { findConfigurations } from '../../src/envoy-gateway/find-configurations.ts';
import { type Finding, unreadable } from '../../src/envoy-gateway/findings.ts';
import { goldenCases } from './golden-cases.ts';

function check(text: string): Finding[] {
  const found = findConfigurations('f.yaml', text);
  const findings = found.configurations.flatMap((one) => checkEnvoyGateway(one, '/srv/offramp'));
  return [...found.unreadable.map(unreadable), ...findings];
}

const manager = fc.record(
  {
    name: fc.jsonValue(),
    hooks: fc.oneof(fc.jsonValue(), fc.record({ xdsTranslator: fc.jsonValue() })),
    service: fc.oneof(fc.jsonValue(), fc.record({ fqdn: fc.jsonValue(), retry: fc.jsonValue() })),
    maxMessageSize: fc.jsonValue(),
    failOpen: fc.jsonValue(),
    policyResources: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

describe('whatever there is in the place of an extension manager', () => {
  it('is a configuration that gets findings with their places', () => {
    const anything = fc.oneof(
      fc.record({ extensionManager: fc.oneof(fc.jsonValue(), manager) }),
      fc.record({ extensionManagers: fc.oneof(fc.jsonValue(), fc.array(manager)) }),
    );
    fc.assert(
      fc.property(anything, fc.jsonValue(), (content, provider) => {
        const text = stringify({ kind: 'EnvoyGateway', provider, ...content });
        const lines = text.split('\n').length;
        const findings = check(text);
        expect(findings.length).toBeGreaterThan(0); // apiVersion is missing
        for (const { place } of findings) {
          expect(place.line).toBeGreaterThanOrEqual(1);
          expect(place.line).toBeLessThanOrEqual(lines);
          expect(place.column).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('and whatever text there is, it is not an exception', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const texts = [one, `kind: EnvoyGateway\n${one}: ${other}`, `kind: ConfigMap\n---\n${one}`];
        for (const text of texts) expect(Array.isArray(check(text))).toBe(true);
        const embedded = { kind: 'ConfigMap', data: { 'envoy-gateway.yaml': `${one}\n${other}` } };
        expect(check(stringify(embedded)).length).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });
});

it('finds the same at the same places in a file with Windows line ends', () => {
  const cases = goldenCases();
  for (const { text } of cases) {
    expect(check(text.replaceAll('\n', '\r\n'))).toEqual(check(text));
  }
});
