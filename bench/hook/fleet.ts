import type { ConnectorEntry } from '../../src/state/connectors.ts';
import { concatenate, encodeField } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { encodeXds } from '../../test/support/xds.ts';
import { modelSite, plainListener, type Site, siteNamed, tlsListener } from './site.ts';

/** A snapshot of many Gateways, merged into one, and the connectors behind some of its routes. */
export interface Fleet {
  readonly request: Buffer;
  readonly connectors: readonly ConnectorEntry[];
  /** BackendRefs of splits whose cluster lists no endpoint. */
  readonly emptyCanaries: number;
}

type SitePart = keyof ReturnType<typeof modelSite>;

const { PostTranslateModifyRequest, RouteConfiguration, Listener } = fields;

/**
 * Of ten sites one is behind an offline connector and two are behind online ones; of twenty one has a
 * canary without endpoints. Sites are stamped out of one encoded model: 10,000 take a second or two.
 */
export function makeFleet(gateways: number): Fleet {
  const numbers = Array.from({ length: gateways }, (_, index) => String(index).padStart(8, '0'));
  const each = (part: SitePart, variant = part) =>
    numbers.map((number, index) => stampOf(hasEmptyCanary(index) ? variant : part)(number));
  const stamps = new Map(
    Object.entries(modelSite(siteNamed(placeholder))).map(([part, { type, message }]) => [
      part,
      makeStamp(encodeXds(type, message)),
    ]),
  );
  const stampOf = (part: string) => stamps.get(part) ?? (() => new Uint8Array());
  const plainHosts = concatenate([
    encodeXds('envoy.config.route.v3.RouteConfiguration', { name: 'http-80' }),
    ...each('plainHost').map((host) => encodeField(RouteConfiguration.virtual_hosts, host)),
  ]);
  const tls = concatenate([
    encodeXds('envoy.config.listener.v3.Listener', tlsListener),
    ...each('filterChain').map((chain) => encodeField(Listener.filter_chains, chain)),
  ]);
  const plain = encodeXds('envoy.config.listener.v3.Listener', plainListener);
  const lists = {
    clusters: [...each('cluster'), ...each('stable'), ...each('canary', 'emptyCanary')],
    secrets: each('secret'),
    listeners: [plain, tls],
    routes: [plainHosts, ...each('routes')],
  };
  const request = concatenate(
    (['clusters', 'secrets', 'listeners', 'routes'] as const).flatMap((list) =>
      lists[list].map((resource) => encodeField(PostTranslateModifyRequest[list], resource)),
    ),
  );
  return {
    request: Buffer.from(request.buffer),
    emptyCanaries: numbers.filter((_, index) => hasEmptyCanary(index)).length,
    connectors: numbers.flatMap((number, index) => connectorOf(siteNamed(number), index % 10)),
  };
}

const hasEmptyCanary = (index: number): boolean => index % 20 === 5;

function connectorOf({ namespace, name, endpointId }: Site, place: number): ConnectorEntry[] {
  const routes = [{ kind: 'HTTPRoute', namespace, name, rule: 0 }] as const;
  if (place === 0) return [{ connector: { name, online: false }, routes, clusters: [] }];
  if (place > 2) return [];
  const tunnel = { host: 'localhost', port: 8080, endpointId };
  return [{ connector: { name, online: true, tunnel }, routes, clusters: [] }];
}

/** Stands in the model's messages where another site has its number, which is as long. */
const placeholder = '00000000';

/** Copies of a message with another number at each place where it has the placeholder. */
function makeStamp(model: Uint8Array): (number: string) => Uint8Array {
  const bytes = Buffer.from(model);
  const places: number[] = [];
  for (let at = bytes.indexOf(placeholder); at !== -1; at = bytes.indexOf(placeholder, at + 1)) {
    places.push(at);
  }
  return (number) => {
    const copy = Buffer.from(bytes);
    for (const at of places) copy.write(number, at, 'latin1');
    return copy;
  };
}
