import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutSecrets } from '../../src/record/without-secrets.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { captures } from '../support/captures.ts';
import { decodeSnapshot, encodeRequest } from '../support/xds.ts';
import { message } from '../xds/arbitrary-message.ts';

const secrets = encodeRequest({
  secrets: [
    {
      name: 'default/eg-https',
      tls_certificate: { private_key: { inline_string: 'not a real private key' } },
    },
    { name: 'oauth2/hmac', generic_secret: { secret: { inline_string: 'not a real one' } } },
  ],
});

describe('a request without its secrets', () => {
  it.each(captures)('has everything else of $name, byte for byte', ({ request }) => {
    const middle = encodeRequest({ clusters: [{ name: 'between' }] });
    const whole = Buffer.concat([secrets, request, secrets, middle, secrets]);
    const kept = Buffer.concat(withoutSecrets(whole));
    expect(kept).toEqual(Buffer.concat([request, middle]));
    expect(Object.keys(decodeSnapshot(readSnapshot(whole)))).toContain('secrets');
    expect(Object.keys(decodeSnapshot(readSnapshot(kept)))).not.toContain('secrets');
    expect(kept.includes('not a real')).toBe(false);
  });

  it('is every field but those numbered 3, whatever their wire type and encoding', () => {
    const separate = fc.array(message, { maxLength: 3 });
    fc.assert(
      fc.property(separate, (messages) => {
        const fields = messages.flatMap((one) => one.fields);
        const request = Buffer.concat(fields.map(({ bytes }) => bytes));
        const others = fields.filter(({ number }) => number !== 3).map(({ bytes }) => bytes);
        expect(Buffer.concat(withoutSecrets(request))).toEqual(Buffer.concat(others));
      }),
      { numRuns: 500 },
    );
  });

  it('is made of views, so that a large snapshot is not in memory twice', () => {
    const request = Buffer.concat([encodeRequest({ clusters: [{ name: 'a' }] }), secrets]);
    const parts = withoutSecrets(request);
    expect(parts).toHaveLength(1);
    for (const part of parts) expect(part.buffer).toBe(request.buffer);
  });

  it('is nothing when there is nothing but secrets', () => {
    expect(withoutSecrets(secrets)).toEqual([]);
    expect(withoutSecrets(new Uint8Array())).toEqual([]);
  });

  it('is refused when the envelope does not say where the secrets end', () => {
    const cut = secrets.subarray(0, secrets.length - 1);
    expect(() => withoutSecrets(cut)).toThrow(MalformedMessageError);
  });
});
