import { Gauge, type Registry } from 'prom-client';
import type { Connector } from '../state/connectors.ts';
import type { WatchState } from '../state/kubernetes/informers.ts';
import { kindStates } from '../state/kubernetes/kind-condition.ts';
import type { StateSource } from '../state/source.ts';
import type { Check } from './check.ts';

/** Gauges of a state source's condition, read at each scrape. */
export function registerSourceGauges(
  registry: Registry,
  prefix: string,
  source: StateSource,
): void {
  const labelNames = ['source'];
  let counts = countConnectors([]);
  const registers = [registry];
  new Gauge({
    name: `${prefix}_cache_synced`,
    help: '1 when the state was read and hook calls can be answered from it.',
    labelNames,
    registers,
    collect() {
      const { name, synced } = source.status();
      this.set({ source: name }, synced ? 1 : 0);
    },
  });
  new Gauge({
    name: `${prefix}_state_age_seconds`,
    help: 'Seconds since the state in use was last known to be current; 0 while all is well.',
    labelNames,
    registers,
    collect() {
      const { name, ageSeconds } = source.status();
      this.set({ source: name }, ageSeconds);
    },
  });
  new Gauge({
    name: `${prefix}_connectors`,
    help: 'Connectors that something belongs to, by state: online, offline.',
    labelNames: [...labelNames, 'state'],
    registers,
    collect() {
      const { name } = source.status();
      const { connectors } = source.state.connectors;
      if (connectors !== counts.of) counts = countConnectors(connectors); // thousands, in a large fleet
      const { online, offline } = counts;
      this.set({ source: name, state: 'online' }, online);
      this.set({ source: name, state: 'offline' }, offline);
    },
  });
  new Gauge({
    name: `${prefix}_state_unusable_objects`,
    help: 'Kubernetes objects that cannot be used as they are. The log and /readyz?verbose say why.',
    labelNames,
    registers,
    collect() {
      const { name, unusableObjects } = source.status();
      this.set({ source: name }, unusableObjects);
    },
  });
}

interface ConnectorCounts {
  readonly of: readonly Connector[];
  readonly online: number;
  readonly offline: number;
}

/** By name: a connector with several tunnel ends is several values. */
function countConnectors(connectors: readonly Connector[]): ConnectorCounts {
  const all = new Set(connectors.map(({ name }) => name));
  const online = new Set(connectors.filter((one) => one.online).map(({ name }) => name));
  return { of: connectors, online: online.size, offline: all.size - online.size };
}

/** A gauge for each thing that readiness depends on, read at each scrape. */
export function registerReadinessGauge(
  registry: Registry,
  prefix: string,
  read: () => readonly Check[],
): void {
  new Gauge({
    name: `${prefix}_ready`,
    help:
      '1 when what readiness depends on is so: gRPC is bound, the state was read. Ready means that ' +
      'all of them are 1. Alert when no pod is: changes of the configuration wait.',
    labelNames: ['check'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, ok } of read()) this.set({ check: name }, ok ? 1 : 0);
    },
  });
}

/** A gauge of the watched kinds of Kubernetes objects, read at each scrape. */
export function registerWatchGauge(
  registry: Registry,
  prefix: string,
  read: () => readonly WatchState[],
): void {
  new Gauge({
    name: `${prefix}_kubernetes_watches`,
    help:
      'Watches of Kubernetes kinds by condition: watching, waiting (not read yet), stale (the last ' +
      'known state is in use), absent (not installed), forbidden. Alert on stale and forbidden.',
    labelNames: ['kind', 'condition'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { kind, state: condition } of read()) {
        for (const one of kindStates) this.inc({ kind, condition: one }, one === condition ? 1 : 0);
      }
    },
  });
}
