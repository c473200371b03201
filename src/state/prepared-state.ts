import { createHash } from 'node:crypto';
import type { Steps } from '../steps.ts';
import { byName, type ConnectorCondition, nameFirst } from './connector-condition.ts';
import type { ConnectorEntry, RouteClaim } from './connectors.ts';
import type { StateFile } from './state-file.ts';

/** A connector of a state file for people; since when it is so, only the versions before can tell. */
export type DescribedConnector = Omit<ConnectorCondition, 'since'>;

/** What a state file says, and all that can be made of it without knowing more: so a thread may do it. */
export interface PreparedState extends StateFile {
  /** Sorted by name. */
  readonly described: readonly DescribedConnector[];
  /** Another one when the file says something else. */
  readonly digest: string;
}

/** Prepares what a state file says for its use. */
export function prepareState(file: StateFile): PreparedState {
  return {
    ...file,
    described: file.connectors.map(describe).sort(byName),
    digest: createHash('sha256').update(JSON.stringify(file)).digest('hex'),
  };
}

/** The same in pieces of JSON, so that taking it over from a thread can pause. */
export interface PackedState {
  readonly connectors: readonly string[];
  readonly backendRefs: readonly string[];
  readonly described: readonly string[];
  readonly digest: string;
}

export function packState({
  connectors,
  backendRefs,
  described,
  digest,
}: PreparedState): PackedState {
  return {
    connectors: pack(connectors.flatMap(divide), sizeOfEntry),
    backendRefs: pack(backendRefs),
    described: pack(described),
    digest,
  };
}

/** Pauses first, and after each piece. */
export function* unpackInSteps(packed: PackedState): Steps<PreparedState> {
  yield;
  return {
    connectors: yield* unpackConnectors(packed.connectors),
    backendRefs: yield* unpack<PreparedState['backendRefs'][number]>(packed.backendRefs),
    described: yield* unpack<DescribedConnector>(packed.described),
    digest: packed.digest,
  };
}

/** What makes up a piece: some tenths of a millisecond to read. */
const sizeOfPiece = 500;

function pack<Item>(items: readonly Item[], sizeOf: (item: Item) => number = () => 1): string[] {
  const pieces: string[] = [];
  let piece: Item[] = [];
  let size = 0;
  for (const item of items) {
    piece.push(item);
    size += sizeOf(item);
    if (size < sizeOfPiece) continue;
    pieces.push(JSON.stringify(piece));
    [piece, size] = [[], 0];
  }
  return piece.length === 0 ? pieces : [...pieces, JSON.stringify(piece)];
}

function* unpack<Item>(pieces: readonly string[]): Steps<readonly Item[]> {
  const items: Item[] = [];
  for (const piece of pieces) {
    const some: Item[] = JSON.parse(piece);
    for (const item of some) items.push(item);
    yield;
  }
  return items;
}

const sizeOfEntry = ({ routes, clusters }: ConnectorEntry) => 1 + routes.length + clusters.length;

/** Several entries of one connector where one would be too large a piece. */
function divide(entry: ConnectorEntry): ConnectorEntry[] {
  if (sizeOfEntry(entry) <= sizeOfPiece) return [entry];
  const { connector, routes, clusters } = entry;
  const parts: ConnectorEntry[] = [];
  for (let from = 0; from < Math.max(routes.length, clusters.length); from += sizeOfPiece) {
    const to = from + sizeOfPiece;
    parts.push({ connector, routes: routes.slice(from, to), clusters: clusters.slice(from, to) });
  }
  return parts;
}

/** Puts divided entries together: no two connectors of a file have one name. */
function* unpackConnectors(pieces: readonly string[]): Steps<readonly ConnectorEntry[]> {
  const entries: UnpackedEntry[] = [];
  for (const piece of pieces) {
    const some: UnpackedEntry[] = JSON.parse(piece);
    for (const entry of some) {
      const last = entries.at(-1);
      if (last?.connector.name === entry.connector.name) {
        last.routes.push(...entry.routes);
        last.clusters.push(...entry.clusters);
      } else entries.push(entry);
    }
    yield;
  }
  return entries;
}

interface UnpackedEntry extends ConnectorEntry {
  readonly routes: RouteClaim[];
  readonly clusters: string[];
}

function describe({
  connector: { name, online },
  routes,
  clusters,
}: ConnectorEntry): DescribedConnector {
  return { name, online, serves: describeClaims(routes, clusters) };
}

function describeClaims(routes: readonly RouteClaim[], clusters: readonly string[]): string {
  const claims = [...routes.map(describeRoute), ...clusters.map((name) => `cluster ${name}`)];
  return nameFirst(claims, 'nothing');
}

function describeRoute({ kind, namespace, name, rule, backend }: RouteClaim): string {
  const which = [`${kind} ${namespace}/${name}`];
  if (rule !== undefined) which.push(`rule ${rule}`);
  if (backend !== undefined) which.push(`backend ${backend}`);
  return which.join(' ');
}
