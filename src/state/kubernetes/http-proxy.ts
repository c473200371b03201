import * as z from 'zod';

/** A backend of an HTTPProxy's rule that is behind a connector, and where its tunnel should end. */
export interface ConnectorBackend {
  /** Its index in the rule, from 0: that of the HTTPRoute's backendRef. */
  readonly backend: number;
  /** Name of the Connector, in the HTTPProxy's own namespace. */
  readonly connector: string;
  /** As it stands in a URL: an IPv6 address has its brackets. */
  readonly host: string;
  readonly port: number;
}

/** A rule with backends behind connectors. */
export interface ProxyRule {
  /** Its index in the HTTPProxy, from 0: that of the HTTPRoute's rule. */
  readonly rule: number;
  /** Whether its backend has no sibling, so that all the rule's traffic goes there. */
  readonly isWhole: boolean;
  readonly backends: readonly ConnectorBackend[];
}

/** What is kept of an HTTPProxy. One without rules still hides one upstream of the same name. */
export interface HttpProxy {
  readonly rules: readonly ProxyRule[];
  /** What in it cannot be used, in words; the rest of it can. */
  readonly problems: readonly string[];
}

const backendSchema = z.object({
  endpoint: z.string().nullish(),
  connector: z.object({ name: z.string().nullish() }).nullish(),
});

const httpProxySchema = z.object({
  spec: z
    .object({
      rules: z.array(z.object({ backends: z.array(backendSchema).nullish() })).nullish(),
    })
    .nullish(),
});

/** Which backends of an HTTPProxy are behind which connectors. Never throws. */
export function readHttpProxy(object: unknown): HttpProxy {
  const parsed = httpProxySchema.safeParse(object);
  if (!parsed.success) return { rules: [], problems: ['its spec does not have the known form'] };
  const problems: string[] = [];
  const rules = (parsed.data.spec?.rules ?? []).map((rule, index) => {
    const backends = rule.backends ?? [];
    const behind = backends.flatMap((backend, at) => {
      const connector = backend.connector?.name ?? '';
      if (connector === '') return [];
      const target = parseEndpoint(backend.endpoint ?? '');
      if (target !== undefined) return [{ backend: at, connector, ...target }];
      const where = `rule ${index}, backend ${at}`;
      problems.push(
        `${where}: its endpoint ${quoteEndpoint(backend.endpoint ?? '')} is no URL with host`,
      );
      return [];
    });
    return { rule: index, isWhole: backends.length === 1, backends: behind };
  });
  return { rules: rules.filter(({ backends }) => backends.length > 0), problems };
}

/** Characters of an endpoint that are shown. */
const longestQuote = 100;

/** An endpoint for the log: without credentials, and not longer than anybody reads. */
function quoteEndpoint(endpoint: string): string {
  const shown = endpoint.slice(0, 10_000).replace(/^([^/]*\/\/)?[^/]*@/, '$1…@');
  return JSON.stringify(shown.length > longestQuote ? `${shown.slice(0, longestQuote)}…` : shown);
}

/** Schemes whose default port is 443; every other one has 80. */
const secureSchemes = new Set(['https:', 'wss:']);

/** Host and port of a URL; undefined when it has none. */
export function parseEndpoint(
  endpoint: string,
): { readonly host: string; readonly port: number } | undefined {
  const url = URL.parse(endpoint);
  if (url === null || url.hostname === '') return undefined;
  const defaultPort = secureSchemes.has(url.protocol) ? 443 : 80;
  const port = url.port === '' ? defaultPort : Number(url.port);
  return port === 0 ? undefined : { host: url.hostname, port };
}
