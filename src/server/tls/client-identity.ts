/** A name in a certificate that can say who a client is. */
export interface Identity {
  readonly kind: 'DNS' | 'URI';
  readonly name: string;
}

/**
 * The DNS names and URIs of a certificate, of the text that Node makes of its subject alternative
 * names: `DNS:a, URI:b`. Names with characters that could be mistaken for more names come quoted as
 * in JSON. Text that is not like that has no names.
 */
export function readIdentities(subjectAltName: string | undefined): readonly Identity[] {
  const identities: Identity[] = [];
  const text = subjectAltName ?? '';
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;
  while (entry.lastIndex < text.length) {
    const [, kind, value = ''] = entry.exec(text) ?? [];
    if (kind === undefined) return [];
    const name = value.startsWith('"') ? unquote(value) : value;
    if (kind === 'DNS' || kind === 'URI') identities.push({ kind, name });
  }
  return identities;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return ''; // no pattern allows it
  }
}

/** Whether one of the patterns of `grpc.tls.allowedSANs` is for one of the names. */
export function isAllowed(identities: readonly Identity[], patterns: readonly string[]): boolean {
  return identities.some((identity) => patterns.some((pattern) => matches(identity, pattern)));
}

function matches({ kind, name }: Identity, pattern: string): boolean {
  if (pattern.includes('://')) return kind === 'URI' && matchesUri(name, pattern);
  return kind === 'DNS' && matchesDns(name.toLowerCase(), pattern.toLowerCase());
}

function matchesUri(uri: string, pattern: string): boolean {
  if (!pattern.endsWith('/*')) return uri === pattern;
  const prefix = pattern.slice(0, -1);
  return uri.startsWith(prefix) && uri.slice(prefix.length).split('/').every(isSegment);
}

/** What SPIFFE allows: dots alone, or escaped ones, would lead elsewhere for whoever reads the URI later. */
function isSegment(segment: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(segment) && !/^\.\.?$/.test(segment);
}

function matchesDns(name: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return name === pattern;
  const dot = name.indexOf('.');
  // A wildcard in the certificate itself proves none of the names that it stands for.
  return dot > 0 && name.slice(dot) === pattern.slice(1) && !name.includes('*');
}
