import { isDeepStrictEqual } from 'node:util';
import protobuf from 'protobufjs';
import { loadEnvoyProtos } from '../../src/protos/envoy-protos.ts';
import { resourceTypes } from '../../src/xds/resource-types.ts';
import { type ResourceKind, readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';
import { requestFromResponse } from '../../test/support/xds.ts';
import type { Answer } from './contenders.ts';
import type { Fleet } from './fleet.ts';

const root = loadEnvoyProtos();

/** Why an answer is not what it has to be; undefined when it is. */
export function findWrong(answer: Buffer, expected: Answer, fleet: Fleet): string | undefined {
  switch (expected) {
    case 'the request':
      return answer.equals(fleet.request) ? undefined : 'other bytes than the request';
    case 'the resources as they came':
      return findDifference(requestFromResponse(answer), readSnapshot(fleet.request));
    case 'connectors':
      return findMiscount(answer, fleet, 0);
    case 'all rewrites':
      return findMiscount(answer, fleet, fleet.emptyCanaries);
    default:
      return expected satisfies never;
  }
}

/** Where two answers mean different things to Envoy; undefined when nowhere. */
export function findDifferenceOfAnswers(one: Uint8Array, other: Uint8Array): string | undefined {
  return findDifference(requestFromResponse(one), requestFromResponse(other));
}

/** Counts texts, not fields: none of the code that is measured has a part in it. */
function findMiscount(answer: Buffer, fleet: Fleet, dropped: number): string | undefined {
  const online = fleet.connectors.filter(({ connector }) => connector.online).length;
  const hosts = 2;
  const answeredPerHost = 2; // the route, and CONNECT
  const canary = 'rule/1/backend/1';
  const wanted = {
    'Tunnel not online': (fleet.connectors.length - online) * hosts * answeredPerHost,
    'envoy.extensions.transport_sockets.internal_upstream.v3': online,
    '.connector.internal': online * hosts,
    [canary]: count(fleet.request, canary) - dropped,
  };
  for (const [text, times] of Object.entries(wanted)) {
    const found = count(answer, text);
    if (found !== times) return `"${text}" is in it ${found} times, not ${times}`;
  }
  return undefined;
}

function count(bytes: Buffer, text: string): number {
  let found = 0;
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) found++;
  return found;
}

const kinds: readonly ResourceKind[] = ['clusters', 'secrets', 'listeners', 'routes'];

function findDifference(one: Snapshot, other: Snapshot): string | undefined {
  for (const kind of kinds) {
    const ours = [...one.resources.lists[kind]];
    const theirs = [...other.resources.lists[kind]];
    if (ours.length !== theirs.length) return `${ours.length} ${kind}, not ${theirs.length}`;
    const at = ours.findIndex((value, index) => {
      const counterpart = theirs[index] ?? new Uint8Array();
      return !meansTheSame(resourceTypes[kind], value, counterpart);
    });
    if (at !== -1) return `${kind}[${at}] differs`;
  }
  return undefined;
}

function meansTheSame(type: string, one: Uint8Array, other: Uint8Array): boolean {
  if (Buffer.compare(one, other) === 0) return true;
  return isDeepStrictEqual(meaning(type, one), meaning(type, other));
}

/** A message with its defaults filled in and each Any opened: two encodings of it are alike. */
function meaning(type: string, bytes: Uint8Array): unknown {
  const definition = root.lookupType(type);
  const options = { defaults: true, longs: String, bytes: String };
  return openAnys(definition.toObject(definition.decode(bytes), options));
}

function openAnys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(openAnys);
  if (typeof value !== 'object' || value === null) return value;
  if ('type_url' in value && 'value' in value) {
    const type = String(value.type_url).replace(/^.*\//, '');
    if (root.lookup(type) instanceof protobuf.Type) {
      return { type, ...Object(meaning(type, Buffer.from(String(value.value), 'base64'))) };
    }
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, openAnys(inner)]));
}
