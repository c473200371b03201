import { appendFields } from '../../xds/append-fields.ts';
import { readClusterName, readClusterNames } from '../../xds/cluster.ts';
import { concatenate, encodeField, encodeString } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { expectAtMostOne, hasField, mapFields, stringOf, valuesOf } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { insertFirst, withoutNamed } from './filter-lists.ts';
import type { Obstacle } from './find-control-plane.ts';
import {
  codecFilter,
  confirmFilter,
  filterNames,
  httpProtocolOptions,
  plainProtocolOptions,
} from './messages.ts';

const { Cluster, HttpProtocolOptions, MapEntry, Any } = fields;

/** Older fields for what HttpProtocolOptions say now; Envoy ignores them beside these. */
const formerOptions = [
  Cluster.http_protocol_options,
  Cluster.http2_protocol_options,
  Cluster.common_http_protocol_options,
  Cluster.upstream_http_protocol_options,
  Cluster.protocol_selection,
];

/** Tells of the clusters of a snapshot whether the filter can be added to them. */
export class VmClusters {
  readonly #clusters: ReadonlyMap<string, Uint8Array>;
  readonly #obstacles = new Map<string, Obstacle | undefined>();

  constructor(snapshot: Snapshot) {
    this.#clusters = readClusterNames(snapshot);
  }

  has(name: string): boolean {
    return this.#clusters.has(name);
  }

  /** Why it cannot be; undefined when it can. */
  obstacleOf(name: string): Obstacle | undefined {
    const cluster = this.#clusters.get(name);
    if (cluster !== undefined && !this.#obstacles.has(name)) {
      this.#obstacles.set(name, findObstacle(name, cluster));
    }
    return this.#obstacles.get(name);
  }
}

function findObstacle(name: string, cluster: Uint8Array): Obstacle | undefined {
  try {
    if (needsFormerOptions(cluster)) {
      const detail = `cluster ${name} has protocol options in fields that HttpProtocolOptions would switch off`;
      return { reason: 'former-protocol-options', detail };
    }
    prependConfirmFilter(cluster); // as later: what cannot be edited is found out now
    return undefined;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    const reason = error.kind === 'ambiguous' ? 'ambiguous-encoding' : 'malformed-resource';
    return { reason, detail: `cluster ${name}: ${error.message}` };
  }
}

/** Gives each VM cluster the filter that finds out whether a 404 is a gone session’s. */
export function confirmInClusters(
  snapshot: Snapshot,
  names: ReadonlySet<string>,
  report: ReportBuilder,
): Snapshot {
  return mapResources(snapshot, 'clusters', {
    rewrite: (cluster) => {
      const name = readClusterName(cluster);
      if (!names.has(name)) return cluster;
      const place = { kind: 'clusters', resource: name } as const;
      const prepared = prependConfirmFilter(cluster);
      if (Buffer.compare(prepared, cluster) === 0) return cluster;
      report.changed('vm-cluster-prepared', place, [], 'its 404 answers are looked into');
      return prepared;
    },
    unreadable: report.unreadable,
  });
}

function needsFormerOptions(cluster: Uint8Array): boolean {
  return optionsOf(cluster).length === 0 && formerOptions.some((field) => hasField(cluster, field));
}

function optionsOf(cluster: Uint8Array): Uint8Array[] {
  return valuesOf(cluster, Cluster.typed_extension_protocol_options).filter(
    (entry) => stringOf(entry, MapEntry.key) === httpProtocolOptions,
  );
}

/** The cluster with the filter in front of its others. Throws MalformedMessageError. */
export function prependConfirmFilter(cluster: Uint8Array): Uint8Array {
  const entries = optionsOf(cluster);
  if (entries.length > 1) {
    throw new MalformedMessageError(`${httpProtocolOptions} is there twice`, '', 0, 'ambiguous');
  }
  if (entries.length === 0) {
    const field = encodeField(Cluster.typed_extension_protocol_options, newOptions());
    return appendFields(cluster, [field]);
  }
  return mapFields(cluster, Cluster.typed_extension_protocol_options, (entry) => {
    if (stringOf(entry, MapEntry.key) !== httpProtocolOptions) return entry;
    expectAtMostOne(entry, MapEntry.value);
    return mapFields(entry, MapEntry.value, (any) => {
      if (!stringOf(any, Any.type_url).endsWith(`/${httpProtocolOptions}`)) return any;
      expectAtMostOne(any, Any.value);
      return hasField(any, Any.value)
        ? mapFields(any, Any.value, addConfirmFilter)
        : appendFields(any, [encodeField(Any.value, addConfirmFilter(new Uint8Array()))]);
    });
  });
}

function newOptions(): Uint8Array {
  const any = concatenate([
    encodeField(Any.type_url, encodeString(`type.googleapis.com/${httpProtocolOptions}`)),
    encodeField(Any.value, addConfirmFilter(plainProtocolOptions())),
  ]);
  return concatenate([
    encodeField(MapEntry.key, encodeString(httpProtocolOptions)),
    encodeField(MapEntry.value, any),
  ]);
}

function addConfirmFilter(options: Uint8Array): Uint8Array {
  const own = new Set<string>([filterNames.confirm]);
  const filters = [confirmFilter()];
  const others = withoutNamed(options, HttpProtocolOptions.http_filters, own);
  if (!hasField(others, HttpProtocolOptions.http_filters)) filters.push(codecFilter());
  return insertFirst(others, HttpProtocolOptions.http_filters, filters);
}
