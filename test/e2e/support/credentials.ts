import { createHash, generateKeyPairSync, sign } from 'node:crypto';

/** A key made for one test run: what a policy needs to know of it, and a token signed with it. */
export interface TokenIssuer {
  readonly issuer: string;
  /** A JSON Web Key Set, as text. */
  readonly keySet: string;
  /** A JSON Web Token that is valid for an hour. */
  readonly token: string;
}

/** Makes a key and a token that nobody else has. */
export function makeTokenIssuer(): TokenIssuer {
  const issuer = 'https://issuer.invalid';
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'tests', alg: 'RS256', use: 'sig' };
  const claims = { iss: issuer, sub: 'tests', exp: Math.floor(Date.now() / 1_000) + 3_600 };
  const signed = [{ alg: 'RS256', kid: 'tests', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url');
  return { issuer, keySet: JSON.stringify({ keys: [key] }), token: `${signed}.${signature}` };
}

/** One line of an htpasswd file, in the only form that Envoy reads. */
export function htpasswdLine(user: string, password: string): string {
  return `${user}:{SHA}${createHash('sha1').update(password).digest('base64')}`;
}

/** The Authorization header of basic authentication. */
export function basicCredentials(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
