import type protobuf from 'protobufjs';
import { loadEnvoyProtos } from '../protos/envoy-protos.ts';
import { FieldReader } from '../xds/field-reader.ts';
import { resourceTypes } from '../xds/resource-types.ts';
import type { ResourceKind, Snapshot } from '../xds/snapshot.ts';
import { decodeMessage } from './decode.ts';

/** One changed part of a snapshot, decoded; for a route configuration, one of its virtual hosts. */
export interface Difference {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly virtualHost?: string;
  /** Name of the route that changed; absent for everything that is not a route. */
  readonly route?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Compares what came with the encoded answer, resource by resource, by Envoy's own definitions. */
export function decodeDifferences(before: Snapshot, response: Uint8Array): Difference[] {
  const root = loadEnvoyProtos();
  const after: Uint8Array[] = [];
  const reader = new FieldReader(response);
  while (reader.next()) after.push(reader.value());
  const resources = [...before.resources];
  const added = after.slice(resources.length).map((value): Difference => {
    const cluster = decode(root, 'clusters', value); // the only kind that a rewrite adds
    return { kind: 'clusters', name: nameOf(cluster), after: cluster };
  });
  const changed = resources.flatMap(({ kind, value }, at) => {
    const answered = after[at];
    if (answered === undefined || Buffer.compare(value, answered) === 0) return [];
    return compare(kind, decode(root, kind, value), decode(root, kind, answered));
  });
  return [...changed, ...added];
}

type Decoded = Readonly<Record<string, unknown>>;

function decode(root: protobuf.Root, kind: ResourceKind, value: Uint8Array): Decoded {
  return decodeMessage(root, resourceTypes[kind], value);
}

function compare(kind: ResourceKind, before: Decoded, after: Decoded): Difference[] {
  const name = nameOf(before);
  if (kind !== 'routes') return [{ kind, name, before, after }];
  const later = new Map(list(after.virtual_hosts).map((host) => [nameOf(host), host]));
  return list(before.virtual_hosts).flatMap((host) => {
    const other = later.get(nameOf(host));
    if (other === undefined) return [];
    const place = { kind, name, virtualHost: nameOf(host) };
    const domains = { before: host.domains, after: other.domains };
    return [
      ...(same(domains.before, domains.after) ? [] : [{ ...place, ...domains }]),
      ...compareRoutes(list(host.routes), list(other.routes)).map((difference) => ({
        ...place,
        ...difference,
      })),
    ];
  });
}

type RouteDifference = Pick<Difference, 'before' | 'after'> & { readonly route: string };

function compareRoutes(before: readonly Decoded[], after: readonly Decoded[]): RouteDifference[] {
  const left = [...before];
  return after.flatMap((route) => {
    const at = left.findIndex((one) => nameOf(one) === nameOf(route));
    const [earlier] = at === -1 ? [] : left.splice(at, 1);
    if (earlier !== undefined && same(earlier, route)) return [];
    return [
      { route: nameOf(route), after: route, ...(earlier === undefined ? {} : { before: earlier }) },
    ];
  });
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function nameOf(message: Decoded): string {
  return typeof message.name === 'string' ? message.name : '';
}

function list(value: unknown): Decoded[] {
  return Array.isArray(value) ? value.filter(isDecoded) : [];
}

function isDecoded(value: unknown): value is Decoded {
  return typeof value === 'object' && value !== null;
}
