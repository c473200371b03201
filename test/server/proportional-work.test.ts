import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { configSchema } from '../../src/config/schema.ts';
import { answerSnapshot } from '../../src/server/answer-snapshot.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';

/** How many fields are walked over to answer for a merged fleet of so many Gateways. */
function fieldsWalked(gateways: number): number {
  const { request, connectors } = makeFleet(gateways);
  const state = { connectors: new ConnectorView(connectors), backendRefs: noBackendRefs };
  const settings = configSchema.parse({});
  const next = vi.spyOn(FieldReader.prototype, 'next');
  onTestFinished(() => next.mockRestore());
  const { report } = answerSnapshot(request, { mode: 'apply', settings }, state);
  expect(report.changes.length).toBeGreaterThan(gateways);
  const calls = next.mock.calls.length;
  next.mockRestore();
  return calls;
}

describe('what a snapshot costs', () => {
  it('grows with the Gateways in it, and no faster', () => {
    const [few, many] = [fieldsWalked(20), fieldsWalked(200)];
    expect(many / few).toBeGreaterThan(9);
    expect(many / few).toBeLessThan(10.2);
  });
});
