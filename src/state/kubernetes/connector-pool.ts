import {
  type ConnectorCondition,
  nameFirst,
  type Since,
  sinceWhen,
} from '../connector-condition.ts';
import type { Connector } from '../connectors.ts';
import type { ConnectorStatus } from './connector-status.ts';

interface Entry {
  status?: ConnectorStatus | undefined;
  since: Since;
  /** Keys of the HTTPProxies that name it. */
  readonly users: Set<string>;
  offline?: Connector | undefined;
  online?: Map<string, Connector> | undefined;
}

/**
 * Connectors by key, `<namespace>/<name>`, whether the Connector exists or is only named. Asked
 * twice for one tunnel it gives the same object until the connector changes: the rewrites tell
 * connectors apart by that.
 */
export class ConnectorPool {
  readonly #entries = new Map<string, Entry>();
  #online = 0;
  #existing = 0;

  /** How many Connectors there are, and how many of them are online. */
  get counts(): { readonly existing: number; readonly online: number } {
    return { existing: this.#existing, online: this.#online };
  }

  set(key: string, status: ConnectorStatus | undefined): void {
    const entry = this.#entry(key);
    this.#existing += count(status !== undefined) - count(entry.status !== undefined);
    this.#online += count(status?.online) - count(entry.status?.online);
    const since =
      status?.since === undefined
        ? sinceWhen(this.#known(key), status?.online === true, Date.now())
        : { at: status.since, orBefore: false };
    this.#put(key, { status, since, users: entry.users });
  }

  /** Says that an HTTPProxy names the connector, or does no more. */
  use(key: string, proxyKey: string, uses: boolean): void {
    const entry = this.#entry(key);
    if (uses) entry.users.add(proxyKey);
    else entry.users.delete(proxyKey);
    this.#put(key, entry);
  }

  /** Keys of the HTTPProxies that name the connector. */
  usersOf(key: string): Iterable<string> {
    return this.#entries.get(key)?.users ?? [];
  }

  /** The connector as rewrites see it. One that does not exist is offline. */
  get(key: string, host: string, port: number): Connector {
    const entry = this.#entries.get(key);
    if (entry?.status?.online !== true) {
      const offline = entry?.offline ?? { name: key, online: false };
      if (entry !== undefined) entry.offline = offline;
      return offline;
    }
    const end = `${host}:${port}`;
    entry.online ??= new Map();
    const tunnel = { host, port, endpointId: entry.status.nodeId };
    const online = entry.online.get(end) ?? { name: key, online: true, tunnel };
    entry.online.set(end, online);
    return online;
  }

  /** Each of them for people, those that are only named included. */
  conditions(): ConnectorCondition[] {
    return [...this.#entries].map(([name, { status, since, users }]) => {
      const proxies = [...users].map((user) => `HTTPProxy ${user}`);
      const serves = nameFirst(proxies, 'nothing');
      const missing = status === undefined ? ', but there is no such Connector' : '';
      return { name, online: status?.online === true, since, serves: `${serves}${missing}` };
    });
  }

  #entry(key: string): Entry {
    const now = { at: Date.now(), orBefore: true };
    return this.#entries.get(key) ?? { since: now, users: new Set() };
  }

  #known(key: string): Pick<ConnectorCondition, 'online' | 'since'> | undefined {
    const entry = this.#entries.get(key);
    // Named before it was read: that is the order of reading, and no change.
    if (entry?.status === undefined && entry?.since.orBefore !== false) return undefined;
    return { online: entry.status?.online === true, since: entry.since };
  }

  #put(key: string, entry: Entry): void {
    if (entry.status === undefined && entry.users.size === 0) this.#entries.delete(key);
    else this.#entries.set(key, entry);
  }
}

function count(yes: boolean | undefined): number {
  return yes === true ? 1 : 0;
}
