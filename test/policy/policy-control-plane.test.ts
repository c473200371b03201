import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { parsePolicy } from '../../src/policy/offramp-policy.ts';
import {
  addressesElsewhere,
  addressesOfEnvoysMachine,
} from '../support/control-plane-addresses.ts';

function policyWith(controlPlane: object) {
  const policy = parsePolicy(
    JSON.stringify({
      apiVersion: 'offramp.dev/v1alpha1',
      kind: 'OfframpPolicy',
      metadata: { name: 'vms', namespace: 'shop' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'vms' }],
        controlPlaneFallback: { mode: 'Enabled', controlPlane },
      },
    }),
  );
  return { fallback: policy?.fallback, problems: policy?.problems };
}

const configure = (controlPlane: object) =>
  configSchema.parse({ controlPlaneFallback: { controlPlane } }).controlPlaneFallback.controlPlane;

describe('a policy’s control plane', () => {
  it.each(addressesElsewhere)('may be at %s', (host) => {
    const controlPlane = { host, port: 443 };
    expect(policyWith(controlPlane)).toEqual({
      fallback: { mode: 'Enabled', controlPlane },
      problems: [],
    });
  });

  it.each([...addressesOfEnvoysMachine, '::127.0.0.1', 'fe80::1%eth0'])(
    'is not understood at %s, and the rest of the policy counts',
    (host) => {
      const { fallback, problems } = policyWith({ host, port: 19_000 });
      expect(fallback).toEqual({ mode: 'Enabled' });
      expect(problems).toEqual([
        expect.stringMatching(/controlPlane\.host: leads to Envoy’s own machine/),
      ]);
    },
  );

  it('names no file of the machine that Envoy runs on', () => {
    const at = { host: 'api.example.com', port: 443 };
    const { fallback, problems } = policyWith({ ...at, tls: { caFile: '/etc/ssl/ca.pem' } });
    expect(fallback).toEqual({ mode: 'Enabled' });
    expect(problems).toEqual([expect.stringMatching(/tls\.caFile: Envoy reads the file/)]);
    expect(policyWith({ ...at, tls: {} }).fallback?.controlPlane).toEqual({ ...at, tls: {} });
  });
});

describe('the configuration’s control plane', () => {
  it('may be on Envoy’s own machine, and name a file there: who configures Offramp configures Envoy', () => {
    const controlPlane = { host: '127.0.0.1', port: 443, tls: { sni: 'api', caFile: '/ca.pem' } };
    expect(configure(controlPlane)).toEqual(controlPlane);
  });
});
