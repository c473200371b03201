import { describe, expect, it } from 'vitest';
import type { ConnectorEntry } from '../../src/state/connectors.ts';
import { makeInSteps } from '../../src/state/made-state.ts';
import { packState, prepareState, unpackInSteps } from '../../src/state/prepared-state.ts';
import type { StateFile } from '../../src/state/state-file.ts';
import { atOnce, type Steps } from '../../src/steps.ts';

const count = 5_000;
const numbers = Array.from({ length: count }, (_, at) => at);
const app = { kind: 'HTTPRoute', namespace: 'default', name: 'app' } as const;

const connector = (at: number): ConnectorEntry => ({
  connector: { name: `c${at}`, online: false },
  routes: [{ ...app, rule: at }],
  clusters: [],
});
const largeOne: ConnectorEntry = {
  connector: {
    name: 'large',
    online: true,
    tunnel: { host: 'localhost', port: 80, endpointId: 'a' },
  },
  routes: numbers.map((rule) => ({ ...app, name: 'large', rule, backend: 0 })),
  clusters: [...numbers, count].map((at) => `cluster-${at}`),
};
const file: StateFile = {
  connectors: [...numbers.map(connector), largeOne, connector(count)],
  backendRefs: numbers.map((rule) => ({
    ...{ ...app, rule, backend: 0, weight: 1 },
    ...{ verdict: 'ready', detail: 'it is stated ready' },
  })),
};

function takeSteps<Result>(steps: Steps<Result>) {
  for (let pauses = 0; ; pauses++) {
    const { done, value } = steps.next();
    if (done) return { pauses, value };
  }
}

describe('a state that comes from a thread', () => {
  const prepared = prepareState(file);
  const packed = packState(prepared);

  it('is what it was there, also connectors that are too large for one piece', () => {
    expect(atOnce(unpackInSteps(packed))).toEqual(prepared);
  });

  it('comes in pieces, none of which takes long', () => {
    const pieces = [...packed.connectors, ...packed.backendRefs, ...packed.described];
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(100_000);
    expect(takeSteps(unpackInSteps(packed)).pauses).toBeGreaterThanOrEqual(pieces.length);
  });

  it('is put together with pauses, as it would be without', () => {
    const { pauses, value } = takeSteps(makeInSteps(prepared, []));
    const claims = 4 * count;
    expect(pauses).toBeGreaterThanOrEqual((claims + count) / 1_000);
    const { connectors, backendRefs } = value.state;
    expect(connectors.connectors).toEqual(file.connectors.map((entry) => entry.connector));
    expect(connectors.forCluster(`cluster-${count}`)?.name).toBe('large');
    expect(connectors.forRule({ ...app, rule: count })?.whole?.name).toBe(`c${count}`);
    expect(backendRefs.forRule({ ...app, rule: count - 1 })).toEqual(file.backendRefs.slice(-1));
    expect(value.conditions.map(({ name }) => name)).toEqual(
      file.connectors.map((entry) => entry.connector.name).sort(),
    );
  });

  it('keeps since when a connector is as it is, when it is read again', () => {
    const [first] = prepared.described;
    const since = { at: 1, orBefore: false };
    const before = prepared.described.map((one) => ({ ...one, since }));
    const { conditions } = atOnce(makeInSteps(prepared, before));
    expect(conditions[0]).toEqual({ ...first, since });
  });

  it('has another digest when it says something else, and only then', () => {
    const digestOf = (connectors: readonly ConnectorEntry[]) =>
      prepareState({ ...file, connectors }).digest;
    expect(digestOf([...file.connectors])).toBe(prepared.digest);
    expect(digestOf(file.connectors.slice(1))).not.toBe(prepared.digest);
  });
});
