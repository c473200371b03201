import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFallbackRouteName } from '../../src/rewrites/control-plane-fallback/own-routes.ts';
import { mapFilterChains, mapManagersOfChain } from '../../src/xds/connection-manager.ts';
import type { FieldRef } from '../../src/xds/field-ref.ts';
import { fields } from '../../src/xds/fields.ts';
import { MalformedMessageError } from '../../src/xds/malformed.ts';
import type { Resource } from '../../src/xds/resources.ts';
import { readRoute } from '../../src/xds/route.ts';
import { encodeResponse, readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';
import { mapFields, stringOf } from '../../src/xds/wire.ts';
import { captures } from '../support/captures.ts';
import { addFallback, address, noRoute, settingsOf } from '../support/fallback-snapshot.ts';
import { injectUnknownFields } from '../support/unknown-fields.ts';
import { requestFromResponse } from '../support/xds.ts';

const optedIn = settingsOf({
  routes: ['berlin', 'oslo', 'shop', 'mixed', 'split'].map((name) => ({ name })),
  controlPlane: address,
});

const rewrite = (snapshot: Snapshot, settings = optedIn) => addFallback(snapshot, settings);

describe.each(captures)('a snapshot of the real Envoy Gateway: $name', ({ request }) => {
  it('is the very same when no route is opted in', () => {
    const snapshot = readSnapshot(request);
    const result = rewrite(snapshot, noRoute);
    expect(result.snapshot).toBe(snapshot);
    expect(result.report).toMatchObject({ changes: [], skips: [] });
  });

  it('gets the fallback, and does not change when it is seen again', () => {
    const { snapshot, report } = rewrite(readSnapshot(request));
    expect(report.changes.map(({ effect }) => effect)).toContain('fallback-added');
    const once = encodeResponse(snapshot);
    const again = rewrite(requestFromResponse(once));
    expect(again.report.changes).toEqual([]);
    expect(Buffer.compare(encodeResponse(again.snapshot), once)).toBe(0);
  });

  it.each([
    ['as it came', (bytes: Uint8Array) => bytes],
    ['with unknown fields at every level', injectUnknownFields],
  ])('has its own bytes again without what was added: %s', (_, change) => {
    const bytes = change(request);
    const { snapshot } = rewrite(readSnapshot(bytes));
    const before = [...readSnapshot(bytes).resources].map(({ kind, value }) =>
      kind === 'clusters' ? withoutOptions(value) : value,
    );
    const after = [...snapshot.resources].map(withoutAdditions).slice(0, before.length);
    const odd = before.findIndex((value, at) => Buffer.compare(value, after[at] ?? value) !== 0);
    expect(odd).toBe(-1);
    expect([...snapshot.resources]).toHaveLength(before.length + 1);
  });
});

/** A resource without our routes and filters; a VM cluster, whose options golden files show, without them. */
function withoutAdditions({ kind, value }: Resource): Uint8Array {
  if (kind === 'clusters') return withoutOptions(value);
  if (kind === 'listeners') return withoutFilters(value);
  if (kind !== 'routes') return value;
  return mapFields(value, fields.RouteConfiguration.virtual_hosts, (host) =>
    mapFields(host, fields.VirtualHost.routes, (route) =>
      isFallbackRouteName(readRoute(route).name) ? undefined : route,
    ),
  );
}

const isOurs = (message: Uint8Array) =>
  stringOf(message, fields.HttpFilter.name).startsWith('offramp.');
const withoutOurs = (message: Uint8Array, list: FieldRef) =>
  mapFields(message, list, (one) => (isOurs(one) ? undefined : one));

function withoutFilters(listener: Uint8Array): Uint8Array {
  const { http_filters, early_header_mutation_extensions } = fields.HttpConnectionManager;
  return mapFilterChains(listener, (chain) =>
    mapManagersOfChain(withoutOurs(chain, fields.FilterChain.filters), (manager) =>
      withoutOurs(withoutOurs(manager, http_filters), early_header_mutation_extensions),
    ),
  );
}

function withoutOptions(cluster: Uint8Array): Uint8Array {
  return mapFields(cluster, fields.Cluster.typed_extension_protocol_options, () => undefined);
}

describe('input that is damaged', () => {
  const smallest = captures.toSorted((a, b) => a.request.length - b.request.length)[0];
  const request = smallest?.request ?? new Uint8Array();

  it('ends in an answer or a reason, never in a crash', () => {
    const flips = fc.array(fc.nat(request.length * 8 - 1), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(flips, fc.nat(request.length), (bits, length) => {
        const damaged = Buffer.from(request);
        for (const bit of bits) {
          damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        }
        for (const bytes of [damaged, damaged.subarray(0, length)]) expectAnswerOrReason(bytes);
      }),
      { numRuns: 500 },
    );
  });

  function expectAnswerOrReason(bytes: Uint8Array): void {
    try {
      readSnapshot(encodeResponse(rewrite(readSnapshot(bytes)).snapshot));
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError);
    }
  }
});
