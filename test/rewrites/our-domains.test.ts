import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OurDomains, ourDomain } from '../../src/rewrites/offline-connectors/our-domains.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { encodeXds } from '../support/xds.ts';
import { encodeTag, lengthDelimited } from '../xds/arbitrary-message.ts';

function withDomains(...hosts: readonly (readonly string[])[]): Uint8Array {
  const virtual_hosts = hosts.map((domains) => ({ name: 'x', domains }));
  return encodeXds('envoy.config.route.v3.RouteConfiguration', { virtual_hosts });
}

describe('a domain of ours', () => {
  it('is taken once', () => {
    const ours = new OurDomains(withDomains(['a.example.com']));
    expect([ours.take('a'), ours.take('a'), ours.take('b')]).toEqual([true, false, true]);
  });

  it('is not taken where a virtual host has it, in whatever case', () => {
    const domains = withDomains(['x', 'A.Connector.INTERNAL'], ['b.connector.internal']);
    const ours = new OurDomains(domains);
    expect([ours.take('a'), ours.take('b')]).toEqual([false, false]);
  });

  it('is taken just when none of all domains is the same in lower case', () => {
    const end = fc.constantFrom(
      '.connector.internal',
      '.CONNECTOR.internal',
      '.connector.internal ',
    );
    const start = fc.oneof(
      fc.constantFrom('a', 'A', 'k', '\u212a', 'İ'),
      fc.string({ maxLength: 2 }),
    );
    const domain = fc.tuple(start, fc.option(end, { nil: '' })).map((parts) => parts.join(''));
    const hosts = fc.array(fc.array(domain, { maxLength: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(hosts, fc.constantFrom('a', 'k', 'i', ''), (given, name) => {
        const isThere = given.flat().some((one) => one.toLowerCase() === ourDomain(name));
        expect(new OurDomains(withDomains(...given)).take(name)).toBe(!isThere);
      }),
      { numRuns: 500 },
    );
  });

  it('cannot be taken where the domains cannot be read, which says where', () => {
    const host = Buffer.concat([encodeTag(2, 0), Uint8Array.of(1)]);
    const broken = Buffer.concat([withDomains(['a']), lengthDelimited(2, host)]);
    const take = () => new OurDomains(broken).take('a');
    expect(take).toThrow(MalformedMessageError);
    expect(take).toThrow(`virtual_hosts[1] at byte ${broken.length - host.length}`);
  });
});
