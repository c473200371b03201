import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { computedUntilNow } from '../../fuzz/computed.ts';
import { readCorpus } from '../../fuzz/corpus.ts';
import { judge } from '../../fuzz/judge.ts';
import { type Case, makeCase } from '../../fuzz/make-case.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Rewrite } from '../../src/rewrites/pipeline.ts';
import { type Change, emptyReport, type Skip } from '../../src/rewrites/report.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { resourceTypes } from '../../src/xds/resource-types.ts';
import { encodeRequest, encodeXds } from '../support/xds.ts';

const corpus = readCorpus(join(import.meta.dirname, '..'));
const { root } = corpus.schema;

describe('a case', () => {
  it('is the same again for the same seed and number', () => {
    expect(makeCase(corpus, 'seed', 7)).toEqual(makeCase(corpus, 'seed', 7));
    const others = Array.from({ length: 20 }, (_, number) => makeCase(corpus, 'seed', number));
    expect(new Set(others.map(({ request }) => request.toString())).size).toBeGreaterThan(15);
  });

  it('has a state that states no backendRef twice', () => {
    for (let number = 0; number < 1_000; number++) {
      const { state } = makeCase(corpus, 'stated', number);
      for (const rule of corpus.rules) {
        const stated = state.backendRefs.forRule(rule)?.map(({ backend }) => backend) ?? [];
        expect(stated).toEqual([...new Set(stated)]);
      }
    }
  });

  it('is mostly still a snapshot, and often one in which something is rewritten', () => {
    const verdicts = Array.from({ length: 300 }, (_, number) =>
      judge(root, makeCase(corpus, 'mostly', number)),
    );
    const count = (wanted: string) => verdicts.filter(({ outcome }) => outcome === wanted).length;
    expect(verdicts.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    expect(count('rewritten')).toBeGreaterThan(60);
    expect(count('refused')).toBeLessThan(15);
  });
});

describe('the judge finds', () => {
  const cluster = { name: 'north' };
  const plain: Case = {
    id: 'plain:0',
    original: 'plain',
    request: encodeRequest({ clusters: [cluster, { name: 'south' }] }),
    state: { connectors: ConnectorView.empty, backendRefs: noBackendRefs },
    settings: configSchema.parse({}),
  };
  const changed: Change = {
    rewrite: 'bad',
    effect: 'cluster-replaced',
    place: { kind: 'clusters', resource: 'north' },
    connectors: [],
    detail: '',
  };
  const find = (rewrite: Rewrite) =>
    judge(root, plain, [{ name: 'bad', rewrite }]).problem?.split('\n', 1)[0];
  const replacing = (value: Uint8Array, changes: readonly Change[]): Rewrite => {
    return (snapshot) => ({
      snapshot: {
        ...snapshot,
        resources: snapshot.resources.withAll([{ kind: 'clusters', index: 0, value }]),
      },
      report: { ...emptyReport, changes },
    });
  };
  const other = encodeXds(resourceTypes.clusters, { name: 'north', alt_stat_name: 'n' });

  it('nothing where nothing is wrong', () => {
    expect(find((snapshot) => ({ snapshot, report: emptyReport }))).toBeUndefined();
  });

  it('a crash', () => {
    const crash: Rewrite = () => {
      throw new TypeError('not a function');
    };
    expect(find(crash)).toBe('crash: TypeError: not a function');
  });

  it('a change that nothing tells of', () => {
    expect(find(replacing(other, []))).toBe('clusters changed, which nothing tells');
  });

  it('what decoders do not take any more', () => {
    const typed = Buffer.concat([other, Buffer.from([0x2a, 1, 0xff])]); // field 5 is a message
    expect(find(replacing(typed, [changed]))).toMatch(/^clusters that cannot be decoded any more/);
  });

  it('what an invariant had to take back', () => {
    const nameless = encodeXds(resourceTypes.clusters, { alt_stat_name: 'n' });
    expect(find(replacing(nameless, [changed]))).toMatch(/^violated: .*invariant-name/);
  });

  it('nothing in what was taken back because it is a copy of what Envoy refuses where it is', () => {
    const upgrade_configs = ['websocket', 'WebSocket'].map((upgrade_type) => ({ upgrade_type }));
    const twice = { match: { prefix: '/' }, route: { cluster: 'north', upgrade_configs } };
    const once = { match: { prefix: '/' }, route: { cluster: 'south' } };
    const configured = (name: string, ...routes: readonly object[]) => {
      return { name, virtual_hosts: [{ name, domains: [name], routes }] };
    };
    const copying: Rewrite = (snapshot) => {
      const value = encodeXds(resourceTypes.routes, configured('one', once, twice));
      const change: Change = { ...changed, place: { kind: 'routes', resource: 'one' } };
      return {
        snapshot: {
          ...snapshot,
          resources: snapshot.resources.withAll([{ kind: 'routes', index: 0, value }]),
        },
        report: { ...emptyReport, changes: [change] },
      };
    };
    const copyInto = (...routes: readonly object[]) => {
      const request = encodeRequest({ routes });
      return judge(root, { ...plain, request }, [{ name: 'bad', rewrite: copying }]).problem;
    };
    const one = configured('one', once);
    expect(copyInto(one, configured('two', once))).toMatch(/^violated: .*invariant-upgrades/);
    expect(copyInto(one, configured('two', twice))).toBeUndefined();
  });

  it('a second pass that goes on', () => {
    expect(find(replacing(other, [changed]))).toMatch(/^the second pass does something/);
    let pass = 0;
    const growing: Rewrite = (snapshot, ...rest) => {
      const changes = pass++ === 0 ? [changed] : [];
      const alt_stat_name = 'n'.repeat(pass);
      const value = encodeXds(resourceTypes.clusters, { name: 'north', alt_stat_name });
      return replacing(value, changes)(snapshot, ...rest);
    };
    expect(find(growing)).toBe('the second pass changes bytes');
  });

  it('nothing in a second pass that goes on, where the first could not read a resource', () => {
    const skip: Skip = {
      rewrite: 'bad',
      reason: 'malformed-resource',
      place: { kind: 'clusters', resource: 'clusters[1]' },
      detail: '',
    };
    const rewrite: Rewrite = (snapshot, ...rest) => {
      const rewritten = replacing(other, [changed])(snapshot, ...rest);
      return { ...rewritten, report: { ...rewritten.report, skips: [skip] } };
    };
    expect(find(rewrite)).toBeUndefined();
  });

  it.each([
    ['nothing', 'cluster-replaced', 'south'],
    ['nothing', 'entries-dropped', 'north'],
    ['the second pass', 'entries-dropped', 'south'],
    ['the second pass', 'route-answered', 'north'],
  ] as const)(
    '%s where the first pass had %s at %s and the second drops empty entries at north',
    (what, effect, resource) => {
      const second: Change = { ...changed, effect: 'empty-dropped' };
      const passes = [{ ...changed, effect, place: { ...changed.place, resource } }, second];
      const rewrite: Rewrite = (snapshot, ...rest) => {
        const change = passes.shift() ?? second;
        return replacing(other, [change])(snapshot, ...rest);
      };
      const problem = find(rewrite);
      expect(problem === undefined ? 'nothing' : problem.slice(0, 'the second pass'.length)).toBe(
        what,
      );
    },
  );

  it('a rewriting that computes for longer than a hook call may, and none that only waits', () => {
    const budget = 100;
    const during = (work: () => void) => {
      const rewrite: Rewrite = (snapshot) => {
        work();
        return { snapshot, report: emptyReport };
      };
      return judge(root, plain, [{ name: 'bad', rewrite }], budget).problem;
    };
    const compute = () => {
      const before = computedUntilNow();
      while (computedUntilNow() < before + 1.5 * budget);
    };
    const wait = () =>
      void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * budget);
    expect(during(compute)).toBe('slow: it computed for more than 0.1 s');
    expect(during(wait)).toBeUndefined();
  });

  it('a change to the request’s own bytes', () => {
    const scribble: Rewrite = (snapshot) => {
      [...snapshot.resources][1]?.value.fill(0x41, 2);
      return { snapshot, report: { ...emptyReport, changes: [changed] } };
    };
    expect(find(scribble)).toBe('the request’s own bytes changed');
  });
});
