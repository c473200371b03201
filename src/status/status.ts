import type { Check } from '../observe/check.ts';
import type { Readiness } from '../server/readiness.ts';
import type { ConnectorCondition } from '../state/connector-condition.ts';
import type { StateSource } from '../state/source.ts';
import type { Setting } from './configuration-summary.ts';
import type { KeptSnapshot } from './kept-snapshot.ts';
import { type Paged, pageOf } from './paged.ts';
import type { StatusQuery } from './query.ts';
import { type SnapshotLog, snapshotLimits } from './snapshot-log.ts';

/** Whom the status is asked of. */
export interface StatusSources {
  readonly version: string;
  /** When the process started, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly settings: readonly Setting[];
  readonly readiness: Readiness;
  readonly source: Pick<StateSource, 'status' | 'connectorConditions'>;
  readonly snapshots: SnapshotLog;
}

/** A snapshot without the lines of its report. */
export type SnapshotSummary = Omit<ShownSnapshot, 'places' | 'leftOut'>;

/** A kept snapshot with its times as text. */
export type ShownSnapshot = Omit<KeptSnapshot, 'at' | 'seconds'> & {
  readonly at: string;
  readonly milliseconds: number;
};

/** A connector with its time as text. */
export interface ShownConnector {
  readonly name: string;
  readonly online: boolean;
  readonly since: string;
  /** True when it was first seen then, and may have been so before. */
  readonly orBefore: boolean;
  readonly serves: string;
}

/** Everything that the status page shows, and what /status.json is. */
export interface Status {
  readonly now: string;
  readonly version: string;
  readonly node: string;
  readonly startedAt: string;
  readonly ready: boolean;
  /** What readiness depends on. */
  readonly checks: readonly Check[];
  /** What it does not depend on. */
  readonly worthKnowing: readonly Check[];
  readonly state: {
    readonly source: string;
    readonly synced: boolean;
    readonly detail: string;
    /** Seconds since the state in use was last known to be current; 0 while all is well. */
    readonly ageSeconds: number;
    readonly problems: readonly string[];
    readonly unusableObjects: number;
  };
  readonly connectors: Paged<ShownConnector> & {
    readonly online: number;
    readonly offline: number;
  };
  readonly snapshots: {
    /** Since the start; the rows are the last of them. */
    readonly calls: number;
    readonly rows: readonly SnapshotSummary[];
  };
  readonly gateways: Paged<{ readonly gateway: string; readonly snapshot: SnapshotSummary }> & {
    /** Set when more Gateways were seen than are kept: how many these are. */
    readonly onlyTheLast?: number;
  };
  readonly configuration: readonly Setting[];
}

/** The status now, with the pages of its long tables that are asked for. */
export function describeStatus(sources: StatusSources, query: StatusQuery): Status {
  const { version, startedAt, settings, readiness, source, snapshots } = sources;
  const { name, synced, detail, ageSeconds, problems, unusableObjects } = source.status();
  return {
    now: new Date().toISOString(),
    version,
    node: process.version,
    startedAt: new Date(startedAt).toISOString(),
    ...readiness.check(),
    state: { source: name, synced, detail, ageSeconds, problems, unusableObjects },
    connectors: describeConnectors(source.connectorConditions(), query),
    snapshots: { calls: snapshots.calls, rows: snapshots.recent().map(summaryOf) },
    gateways: describeGateways(snapshots, query),
    configuration: settings,
  };
}

/** A snapshot with its times as text. */
export function showSnapshot({ at, seconds, ...rest }: KeptSnapshot): ShownSnapshot {
  const milliseconds = Math.round(seconds * 1e6) / 1e3;
  return { ...rest, at: new Date(at).toISOString(), milliseconds };
}

function summaryOf(snapshot: KeptSnapshot): SnapshotSummary {
  const { places: _, leftOut: __, ...summary } = showSnapshot(snapshot);
  return summary;
}

function describeConnectors(
  all: readonly ConnectorCondition[],
  { connector, only, connectorPage }: StatusQuery,
): Status['connectors'] {
  const online = all.reduce((sum, one) => sum + Number(one.online), 0);
  const wanted = connector.toLowerCase();
  const found = all.filter(
    (one) =>
      (only === 'all' || one.online === (only === 'online')) &&
      (contains(one.name, wanted) || contains(one.serves, wanted)),
  );
  const { rows, ...page } = pageOf(found, connectorPage);
  return { online, offline: all.length - online, ...page, rows: rows.map(showConnector) };
}

function showConnector({ since, ...rest }: ConnectorCondition): ShownConnector {
  return { ...rest, since: new Date(since.at).toISOString(), orBefore: since.orBefore };
}

function describeGateways(
  snapshots: SnapshotLog,
  { gateway, gatewayPage }: StatusQuery,
): Status['gateways'] {
  const wanted = gateway.toLowerCase();
  const found = snapshots.gateways().filter((one) => contains(one.gateway, wanted));
  const { rows, ...page } = pageOf(found, gatewayPage);
  const shown = rows.map((one) => ({ ...one, snapshot: summaryOf(one.snapshot) }));
  const limit = snapshots.hasForgottenGateways ? { onlyTheLast: snapshotLimits.gateways } : {};
  return { ...page, ...limit, rows: shown };
}

function contains(text: string, wanted: string): boolean {
  return wanted === '' || text.toLowerCase().includes(wanted);
}
