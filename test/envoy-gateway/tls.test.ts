import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { checkEnvoyGateway } from '../../src/envoy-gateway/check-configuration.ts';
import { findConfigurations } from '../../src/envoy-gateway/find-configurations.ts';
import type { OfframpSide } from '../../src/envoy-gateway/offramp-side.ts';
import { recommendedManager, recommendedService } from '../../src/envoy-gateway/recommended.ts';

const side = (tls: boolean, needsClientCertificate = false): OfframpSide => ({
  address: { kind: 'tcp', host: '127.0.0.1', port: 5005 },
  addressText: '127.0.0.1:5005',
  tls,
  needsClientCertificate,
  messageBytes: 256 * 1024 * 1024,
  endpoints: 'slices',
  fallback: false,
  retriggerFolder: undefined,
});

const certificateRef = { name: 'offramp-ca' };

function findings(tls: object, offramp: OfframpSide | undefined): string[] {
  const service = { ...recommendedService('/srv/offramp', side(false).address), ...tls };
  const extensionManager = recommendedManager(service);
  const { configurations } = findConfigurations('f.yaml', stringify({ extensionManager }));
  return configurations
    .flatMap((one) => checkEnvoyGateway(one, '/srv/offramp', offramp))
    .map(({ code }) => code);
}

describe('Envoy Gateway and Offramp speak alike', () => {
  it.each([
    ['both plain text', {}, side(false), []],
    ['plain text, and Offramp’s configuration not given', {}, undefined, []],
    ['both TLS', { tls: { certificateRef } }, side(true), []],
    [
      'TLS without the certificate that Offramp asks for',
      { tls: { certificateRef } },
      side(true, true),
      ['tls-client-certificate'],
    ],
    [
      'TLS with it',
      { tls: { certificateRef, clientCertificateRef: { name: 'client' } } },
      side(true, true),
      [],
    ],
    [
      'TLS to an Offramp that speaks plain text',
      { tls: { certificateRef } },
      side(false),
      ['tls-unexpected'],
    ],
    ['plain text to an Offramp that expects TLS', {}, side(true), ['tls-missing']],
  ])('%s', (_what, tls, offramp, codes) => {
    expect(findings(tls, offramp)).toEqual(codes);
  });
});
