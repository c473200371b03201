import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import { decodeString } from '../../xds/text.ts';
import { nextOccurrence } from '../../xds/wire.ts';

const { RouteConfiguration, VirtualHost } = fields;

const suffix = '.connector.internal';

/** The domain of ours that a virtual host gets, by its name among ours: ASCII, in small letters. */
export function ourDomain(ourName: string): string {
  return `${ourName}${suffix}`;
}

/**
 * Which domains like ours a route configuration has, by our names in them. They are looked for when one is
 * first asked about: few of a large one ever matter.
 */
export class OurDomains {
  readonly #routeConfiguration: Uint8Array;
  #taken: Set<string> | undefined;

  constructor(routeConfiguration: Uint8Array) {
    this.#routeConfiguration = routeConfiguration;
  }

  /** Takes that of a virtual host; false when one has it already, because each may occur once. */
  take(ourName: string): boolean {
    this.#taken ??= namesInDomains(this.#routeConfiguration);
    if (this.#taken.has(ourName)) return false;
    this.#taken.add(ourName);
    return true;
  }
}

/** What stands in front of our suffix in domains, in lower case, as Envoy compares them. */
function namesInDomains(routeConfiguration: Uint8Array): Set<string> {
  const names = new Set<string>();
  const hosts = new FieldReader(routeConfiguration);
  const host = new FieldReader();
  for (let index = 0; nextOccurrence(hosts, RouteConfiguration.virtual_hosts); index++) {
    host.over(routeConfiguration, hosts.valueStart, hosts.end);
    try {
      while (nextOccurrence(host, VirtualHost.domains)) {
        if (!isLikeOurs(host)) continue;
        const domain = decodeString(host.value()).toLowerCase();
        if (domain.endsWith(suffix)) names.add(domain.slice(0, -suffix.length));
      }
    } catch (error) {
      throw seenFromOutside(error, `virtual_hosts[${index}]`, 0);
    }
  }
  return names;
}

const smallLetterBit = 0x20;

/**
 * Whether the domain at which a reader stands ends like ours, in any case. No letter outside ASCII
 * becomes one of the suffix’s in lower case.
 */
function isLikeOurs({ message, valueStart, end }: FieldReader): boolean {
  const from = end - suffix.length;
  if (from < valueStart) return false;
  for (let at = suffix.length - 1; at >= 0; at--) {
    if (((message[from + at] ?? 0) | smallLetterBit) !== suffix.charCodeAt(at)) return false;
  }
  return true;
}
