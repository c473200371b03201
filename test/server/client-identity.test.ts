import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isAllowed, readIdentities } from '../../src/server/tls/client-identity.ts';
import { makeAuthority } from '../support/authority.ts';

const authority = await makeAuthority('the authority');

/** Whether a real certificate with these names is allowed. */
async function allows(
  patterns: readonly string[],
  names: { readonly dns?: readonly string[]; readonly uris?: readonly string[] },
): Promise<boolean> {
  const { cert } = await authority.issue(names);
  return isAllowed(readIdentities(new X509Certificate(cert).subjectAltName), patterns);
}

describe('grpc.tls.allowedSANs', () => {
  it.each([
    ['envoy-gateway.svc', 'envoy-gateway.svc', true],
    ['Envoy-Gateway.SVC', 'envoy-gateway.svc', true],
    ['envoy-gateway.svc', 'envoy-gateway.svc.evil', false],
    ['*.svc', 'envoy-gateway.svc', true],
    ['*.svc', 'a.envoy-gateway.svc', false],
    ['*.svc', 'svc', false],
    ['*.svc', '*.svc', false],
    ['a.svc', '*.svc', false],
  ])('%s for the DNS name %s: %s', async (pattern, dns, expected) => {
    expect(await allows([pattern], { dns: [dns] })).toBe(expected);
  });

  it.each([
    ['spiffe://a/ns/b/sa/c', 'spiffe://a/ns/b/sa/c', true],
    ['spiffe://a/ns/b/sa/c', 'spiffe://a/ns/b/sa/C', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/sa/c', true],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/bb/sa/c', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/sa/c-1_2.d', true],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/...', true],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/../d/sa', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/c/..', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/./c', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b//c', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/c/', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/%2e%2e/d', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/..\\d', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/c?d', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/c#d', false],
    ['spiffe://a/ns/b/*', 'spiffe://a/ns/b/c\n', false],
    ['spiffe://a/*', 'spiffe://ab/c', false],
  ])('%s for the URI %s: %s', async (pattern, uri, expected) => {
    expect(await allows([pattern], { uris: [uri] })).toBe(expected);
  });

  it('takes a certificate with several names by any of them', async () => {
    const names = { dns: ['a.svc', 'b.svc'], uris: ['spiffe://a/b'] };
    expect(await allows(['b.svc'], names)).toBe(true);
    expect(await allows(['c.svc', 'spiffe://a/b'], names)).toBe(true);
    expect(await allows(['c.svc'], names)).toBe(false);
  });

  it('takes no DNS name for a URI, and no name out of the middle of another one', async () => {
    expect(await allows(['envoy.svc'], { uris: ['spiffe://a/b, DNS:envoy.svc'] })).toBe(false);
    expect(await allows(['envoy.svc'], { uris: ['spiffe://a/", DNS:envoy.svc'] })).toBe(false);
    expect(await allows(['spiffe://a/b'], { dns: ['x, URI:spiffe://a/b'] })).toBe(false);
  });
});

describe('readIdentities', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['IP Address:127.0.0.1, email:a@b', []],
    ['DNS:a, IP Address:::1, URI:b:c', ['DNS a', 'URI b:c']],
    ['DNS:"a, DNS:b", DNS:c', ['DNS a, DNS:b', 'DNS c']],
    ['DNS:a, nonsense', []],
    ['DNS:a, DNS:"cut', []],
  ])('of %j: %j', (text, expected) => {
    expect(readIdentities(text).map(({ kind, name }) => `${kind} ${name}`)).toEqual(expected);
  });
});
