import { describe, expect, it, onTestFinished } from 'vitest';
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
  const { next } = FieldReader.prototype;
  let walked = 0;
  onTestFinished(() => {
    FieldReader.prototype.next = next;
  });
  FieldReader.prototype.next = function (this: FieldReader) {
    walked++;
    return next.call(this);
  };
  const { report } = answerSnapshot(request, { mode: 'apply', settings }, state);
  FieldReader.prototype.next = next;
  expect(report.changes.length).toBeGreaterThan(gateways);
  return walked;
}

describe('what a snapshot costs', () => {
  it('grows with the Gateways in it, and no faster', () => {
    const [few, many] = [fieldsWalked(100), fieldsWalked(1_000)];
    expect(many / few).toBeGreaterThan(9);
    expect(many / few).toBeLessThan(10.2);
  });
});
