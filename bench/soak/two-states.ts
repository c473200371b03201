import { renameSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { ConnectorEntry } from '../../src/state/connectors.ts';
import type { Fleet } from '../hook/fleet.ts';

/** The two states that a soak changes between: as the fleet is made, and each connector the other way. */
export const stateNames = ['as made', 'flipped'] as const;

/** One of them. */
export type StateName = (typeof stateNames)[number];

/** A fleet's connectors in this state. */
export function connectorsIn(state: StateName, { connectors }: Fleet): readonly ConnectorEntry[] {
  return state === 'as made' ? connectors : connectors.map(flip);
}

function flip({ connector, ...rest }: ConnectorEntry): ConnectorEntry {
  const { name } = connector;
  if (connector.online) return { ...rest, connector: { name, online: false } };
  const tunnel = { host: 'localhost', port: 8080, endpointId: `node-of-${name}` };
  return { ...rest, connector: { name, online: true, tunnel } };
}

/** Puts connectors into the state file at once, as a mounted ConfigMap changes. */
export function writeStateFile(path: string, entries: readonly ConnectorEntry[]): void {
  const connectors = entries.map(({ connector, routes }) => ({ ...connector, routes }));
  const unpublished = `${path}.new`;
  writeFileSync(unpublished, stringify({ connectors }));
  renameSync(unpublished, path);
}

/** The state that it is not. */
export function otherState(state: StateName): StateName {
  return stateNames[state === 'as made' ? 1 : 0];
}
