import type { X509Certificate } from 'node:crypto';
import type { Certificates } from './certificate-files.ts';

/** Certificates that fit together, and cannot be used now. */
export interface Unusable {
  readonly of: 'server' | 'client-ca';
  readonly why: string;
  /** When they can be, if time alone will mend it. */
  readonly from?: Date | undefined;
}

/**
 * Why no handshake would succeed now: the server's certificate is not valid, or none of the client CAs
 * is both a CA and valid. A CA that has ended beside others that have not does no harm.
 */
export function whyUnusable(
  { server, clientCAs }: Pick<Certificates, 'server' | 'clientCAs'>,
  now: Date,
): Unusable | undefined {
  const problem = whyNotValid(server, now);
  if (problem !== undefined) {
    return { of: 'server', why: `the certificate ${problem.why}`, from: problem.from };
  }
  if (clientCAs === undefined) return undefined;
  const problems: Omit<Unusable, 'of'>[] = [];
  for (const authority of clientCAs) {
    const one = authority.ca ? whyNotValid(authority, now) : { why: 'is not one of a CA' };
    if (one === undefined) return undefined;
    problems.push(one);
  }
  const all = problems.map(({ why }) => `a certificate ${why}`).join(', ');
  const starts = problems.flatMap(({ from }) => (from === undefined ? [] : [from.getTime()]));
  return {
    of: 'client-ca',
    why: `no CA that can be used: ${all}`,
    from: starts.length === 0 ? undefined : new Date(Math.min(...starts)),
  };
}

function whyNotValid(
  { validFrom, validTo }: X509Certificate,
  now: Date,
): Omit<Unusable, 'of'> | undefined {
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (to <= now) return { why: `ended at ${to.toISOString()}` };
  return from > now ? { why: `begins at ${from.toISOString()}`, from } : undefined;
}
