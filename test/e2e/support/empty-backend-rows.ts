import type { BackendRef, RouteOptions } from './kubernetes/objects.ts';
import type { Shares } from './measure-shares.ts';

/** A rule's backendRefs, and who has which share of the requests in both modes. */
export interface EmptyBackendRow extends RouteOptions {
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  readonly title: string;
  readonly keep: Shares;
  readonly rebalance: Shares;
}

const good = (weight: number) => to('good', weight);
const other = (weight: number) => to('other', weight);
const empty = (weight: number) => to('empty', weight);
const canary = (weight: number) => to('canary', weight);
const missing = (weight: number) => to('missing', weight);
const allGood: Shares = { good: 100 };
// These have a Service of the other protocol.
const speaking = ['good', 'other', 'canary', 'one-of-ten'];
const filters = [
  { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-to', value: '1' }] } },
];

const rows: readonly Omit<EmptyBackendRow, 'kind'>[] = [
  {
    name: 'good-empty',
    title: 'good 60, empty 40',
    backends: [good(60), empty(40)],
    keep: { good: 60, 503: 40 },
    rebalance: allGood,
  },
  {
    name: 'two-good-empty',
    title: 'good 30, other 30, empty 40',
    backends: [good(30), other(30), empty(40)],
    keep: { good: 30, other: 30, 503: 40 },
    rebalance: { good: 50, other: 50 },
  },
  {
    name: 'canary-plain',
    title: 'good 90, canary 10 with no ready endpoint',
    backends: [good(90), canary(10)],
    keep: allGood,
    rebalance: allGood,
  },
  {
    name: 'canary-filter',
    title: 'good 90, canary 10 with no ready endpoint and a cluster of its own',
    backends: [{ ...good(90), filters }, canary(10)],
    // Where a cluster has no other endpoint, Envoy sends to those that are draining.
    keep: { good: 90, unready: 10 },
    rebalance: allGood,
  },
  {
    name: 'good-empty-missing',
    title: 'good 60, empty 30, missing 10',
    backends: [good(60), empty(30), missing(10)],
    keep: { good: 60, 503: 40 },
    rebalance: { good: 600 / 7, 500: 100 / 7 },
  },
  {
    name: 'empties',
    title: 'empty 60, empty 40',
    backends: [empty(60), to('empty-2', 40)],
    keep: { 503: 100 },
    rebalance: { 503: 100 },
  },
  {
    name: 'empty-missing',
    title: 'empty 50, missing 50',
    backends: [empty(50), missing(50)],
    keep: { 500: 100 },
    rebalance: { 500: 100 },
  },
  {
    name: 'one-of-ten',
    title: 'one ready and nine unready endpoints',
    backends: [to('one-of-ten', 1)],
    keep: allGood,
    rebalance: allGood,
  },
  {
    name: 'empty-only',
    title: 'empty only',
    backends: [empty(1)],
    keep: { 503: 100 },
    rebalance: { 503: 100 },
  },
  {
    name: 'weight-0',
    title: 'good 0, empty 40',
    backends: [good(0), empty(40)],
    keep: { 503: 100 },
    rebalance: { 503: 100 },
  },
];

type UnlikeRow = Pick<EmptyBackendRow, 'name' | 'title' | 'backends'> & {
  readonly shares: Readonly<Record<EmptyBackendRow['kind'], Shares>>;
};

// Envoy Gateway counts a GRPCRoute's invalid backendRefs as empty, unlike an HTTPRoute's.
const invalidShares: UnlikeRow['shares'] = {
  HTTPRoute: { good: 60, 500: 40 },
  GRPCRoute: { good: 60, 503: 40 },
};

/** Nothing happens to these, and Envoy Gateway treats them by the kind of the route. */
const unlikeRows: readonly UnlikeRow[] = [
  {
    name: 'good-missing',
    title: 'good 60, missing 40',
    backends: [good(60), missing(40)],
    shares: invalidShares,
  },
  {
    name: 'good-wrong-port',
    title: 'good 60, wrong port 40',
    backends: [good(60), { ...other(40), port: 81 }],
    shares: invalidShares,
  },
  {
    name: 'good-not-granted',
    title: 'good 60, of another namespace without a grant 40',
    backends: [good(60), { ...good(40), namespace: 'private' }],
    shares: invalidShares,
  },
  {
    name: 'good-dynamic',
    title: 'good 60, dynamic resolver 40',
    backends: [good(60), { kind: 'Backend', name: 'dynamic', weight: 40 }],
    // Envoy Gateway takes a dynamic resolver only where it is alone. It sets an HTTPRoute's whole
    // rule to 500, and puts the endpoints of the others alone into a GRPCRoute's one cluster.
    shares: { HTTPRoute: { 500: 100 }, GRPCRoute: allGood },
  },
];

/** The rows of the table, each as a GRPCRoute too, whose statuses are gRPC's. */
export const emptyBackendRows: readonly EmptyBackendRow[] = [
  ...rowsOf('HTTPRoute'),
  ...rowsOf('GRPCRoute').map((row) => ({
    ...row,
    name: `chat-${row.name}`,
    backends: row.backends.map(toChat),
    keep: inGrpc(row.keep),
    rebalance: inGrpc(row.rebalance),
  })),
];

function rowsOf(kind: EmptyBackendRow['kind']): EmptyBackendRow[] {
  return [
    ...rows.map((row) => ({ ...row, kind })),
    ...unlikeRows.map(({ shares: { [kind]: shares }, ...row }) => {
      return { ...row, kind, keep: shares, rebalance: shares };
    }),
  ];
}

function to(name: string, weight: number): BackendRef {
  return { kind: 'Service', name, weight };
}

function toChat(ref: BackendRef): BackendRef {
  return speaking.includes(ref.name) ? { ...ref, name: `chat-${ref.name}` } : ref;
}

/** UNKNOWN for 500 and UNAVAILABLE for 503. */
function inGrpc(shares: Shares): Shares {
  const names = new Map([
    ['500', 'gRPC 2'],
    ['503', 'gRPC 14'],
  ]);
  const named = Object.entries(shares).map(([who, share]) => [names.get(who) ?? who, share]);
  return Object.fromEntries(named);
}
