import { generate } from 'selfsigned';

/** A certificate and its private key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface Claims {
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** When it ends; in ten days without it. */
  readonly ends?: Date;
  /** When it begins; a day ago without it. */
  readonly begins?: Date;
}

/** A certificate authority of a test, made at run time. */
export interface Authority extends KeyPair {
  issue(claims: Claims): Promise<KeyPair>;
}

const day = 86_400_000;
const shape = { keyType: 'ec', algorithm: 'sha256' } as const;

/** Makes a certificate authority of that name, by default one that is valid now. */
export async function makeAuthority(
  name: string,
  { begins, ends }: Pick<Claims, 'begins' | 'ends'> = {},
): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...shape,
    ...(begins === undefined ? {} : { notBeforeDate: begins }),
    ...(ends === undefined ? {} : { notAfterDate: ends }),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const { cert, private: key } = made;
  return { cert, key, issue: (claims) => issue({ cert, key }, claims) };
}

async function issue(
  ca: KeyPair,
  { dns = [], uris = [], ends = new Date(Date.now() + 10 * day), begins }: Claims,
): Promise<KeyPair> {
  const altNames = [
    ...dns.map((value) => ({ type: 2 as const, value })),
    ...uris.map((value) => ({ type: 6 as const, value })),
  ];
  const made = await generate([{ name: 'commonName', value: 'of a test' }], {
    ...shape,
    ca,
    notBeforeDate: begins ?? new Date(Math.min(Date.now(), ends.getTime()) - day),
    notAfterDate: ends,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      ...(altNames.length > 0 ? [{ name: 'subjectAltName' as const, altNames }] : []),
    ],
  });
  return { cert: made.cert, key: made.private };
}
