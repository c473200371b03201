import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendYaml, gatewayYaml, httpRouteYaml, routeYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { describeShares, isWithin, measureShares, type Shares } from './support/measure-shares.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

interface Ref {
  readonly name: string;
  readonly weight: number;
  readonly verdict: 'ready' | 'empty' | 'invalid';
}

interface Row {
  readonly name: string;
  readonly refs: readonly Ref[];
  readonly unknown: Shares;
  readonly stated: Shares;
}

const good = (weight: number): Ref => ({ name: 'good', weight, verdict: 'ready' });
const hollow = (weight: number): Ref => ({ name: 'hollow', weight, verdict: 'empty' });
const missing = (weight: number): Ref => ({ name: 'missing', weight, verdict: 'invalid' });

const rows: readonly Row[] = [
  {
    name: 'good-hollow',
    refs: [good(60), hollow(40)],
    unknown: { good: 60, 503: 40 },
    stated: { good: 100 },
  },
  {
    name: 'good-hollow-missing',
    refs: [good(60), hollow(30), missing(10)],
    unknown: { good: 60, 503: 40 },
    stated: { good: 600 / 7, 500: 100 / 7 },
  },
  {
    name: 'good-missing',
    refs: [good(60), missing(40)],
    unknown: { good: 60, 500: 40 },
    stated: { good: 60, 500: 40 },
  },
];

/** A split's backendRefs, as the state file states them. */
const backendRefs = rows.flatMap(({ name, refs }) =>
  refs.map(({ weight, verdict }, backend) => ({
    kind: 'HTTPRoute',
    name,
    rule: 0,
    backend,
    weight,
    verdict,
  })),
);

const splitYaml = ({ name, refs }: Row): string => {
  const entries = refs.map(
    (ref) =>
      `        - { group: gateway.envoyproxy.io, kind: Backend, name: ${ref.name}, weight: ${ref.weight} }\n`,
  );
  return routeYaml(name, `    - backendRefs:\n${entries.join('')}`);
};

describe('on a standalone Envoy Gateway, which knows no EndpointSlices', () => {
  let upstream: Upstream;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let resources: string[];

  const measure = (name: string, count: number) =>
    measureShares({ port, host: `${name}.example.com`, kind: 'HTTPRoute', count });
  const expectShares = async (name: string, expected: Shares) => {
    const shares = await measure(name, 4_000);
    process.stderr.write(`${name}: ${describeShares(shares)}\n`);
    expect(isWithin(4, shares, expected), `${describeShares(expected)} was expected`).toBe(true);
  };
  const unresolved = async (): Promise<number> => {
    const text = await (await fetch(`${offramp.url}/metrics`)).text();
    const value = /empty_backends_unresolved_total\{reason="backend-refs-unknown"\} (\d+)/.exec(
      text,
    );
    return Number(value?.[1]);
  };

  beforeAll(async () => {
    upstream = await startHttpUpstream('good');
    port = await freePort();
    offramp = await startOfframpProcess({});
    resources = [
      gatewayYaml(port),
      backendYaml('good', upstream.port),
      // The API refuses an empty list of endpoints, but not a Backend without a list.
      `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: hollow, namespace: default }
spec: { type: Endpoints }
`,
      ...rows.map(splitYaml),
    ];
    gateway = await startGateway({
      resources: resources.join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await upstream?.stop();
  });

  it.each(rows)('nothing leaves while no state tells empty from invalid: $name', (row) =>
    expectShares(row.name, row.unknown),
  );

  it('counts each such split, and the log says what to configure', async () => {
    // That nothing of good-missing is empty Envoy Gateway says itself, by its 500.
    expect(await unresolved()).toBeGreaterThanOrEqual(rows.length - 1);
    expect(String(offramp.log().map(({ skips }) => skips))).not.toContain('good-missing/');
    const line = offramp.log().findLast(({ msg }) => msg === 'PostTranslateModify');
    expect(line).toMatchObject({ empty_backends_dropped: 0 });
    expect(String(line?.skips)).toMatch(
      /backend-refs-unknown: .*good-hollow.*configure state\.kubernetes, or state backendRefs in the state file/,
    );
  });

  describe('with backendRefs in the state file', () => {
    beforeAll(async () => {
      await offramp.writeState({ backendRefs });
      const reads = () => offramp.log().filter(({ msg }) => msg === 'state file read').length;
      await waitFor('the state to be read', () => reads() > 1, { timeoutMs: 5_000 });
      resources.push(httpRouteYaml('another', 'good'));
      await gateway.updateResources(resources.join('---\n'));
      const isThere = async () => isWithin(0, await measure('good-hollow', 50), { good: 100 });
      await waitFor('the new translation', isThere, { timeoutMs: 10_000 });
    });

    it.each(rows)('the empty ones leave: $name', (row) => expectShares(row.name, row.stated));

    it('counts none any more', () => {
      const line = offramp.log().findLast(({ msg }) => msg === 'PostTranslateModify');
      expect(line).toMatchObject({ empty_backends_dropped: 2, skipped: 0 });
    });
  });
});
