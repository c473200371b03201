/** What of the long tables is asked for. */
export interface StatusQuery {
  /** Part of a connector's name, or of what it serves. */
  readonly connector: string;
  readonly only: 'all' | 'online' | 'offline';
  /** From 1. */
  readonly connectorPage: number;
  /** Part of a Gateway's key. */
  readonly gateway: string;
  readonly gatewayPage: number;
}

const maxSearch = 253; // the longest name that Kubernetes has

/** Reads the query of an address; what it does not understand counts as not said. */
export function readQuery(search: URLSearchParams): StatusQuery {
  const only = search.get('only');
  return {
    connector: readText(search.get('connector')),
    only: only === 'online' || only === 'offline' ? only : 'all',
    connectorPage: readPage(search.get('connectors-page')),
    gateway: readText(search.get('gateway')),
    gatewayPage: readPage(search.get('gateways-page')),
  };
}

/** The query again, as it stands in an address; '' when nothing is said. */
export function writeQuery(query: StatusQuery): string {
  const { connector, only, connectorPage, gateway, gatewayPage } = query;
  const search = new URLSearchParams();
  if (connector !== '') search.set('connector', connector);
  if (only !== 'all') search.set('only', only);
  if (connectorPage > 1) search.set('connectors-page', String(connectorPage));
  if (gateway !== '') search.set('gateway', gateway);
  if (gatewayPage > 1) search.set('gateways-page', String(gatewayPage));
  return search.size === 0 ? '' : `?${search}`;
}

function readText(text: string | null): string {
  return (text ?? '').trim().slice(0, maxSearch);
}

function readPage(text: string | null): number {
  return /^[1-9]\d{0,6}$/.test(text ?? '') ? Number(text) : 1;
}
