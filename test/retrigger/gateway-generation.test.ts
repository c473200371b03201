import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayGenerations } from '../../src/retrigger/gateway-generation.ts';
import { KubernetesView } from '../../src/state/kubernetes/kubernetes-view.ts';
import {
  offline,
  online,
  plain,
  proxyBehind,
  someKeys,
  someNames,
  viewEvents,
} from '../support/kubernetes-state.ts';

function setUp() {
  const view = new KubernetesView();
  const changed = new Set<string>();
  const generations = new GatewayGenerations(view, (gateway) => changed.add(gateway));
  view.listen(generations);
  const changedBy = (work: () => void) => {
    changed.clear();
    work();
    return [...changed].sort();
  };
  return { view, generations, changedBy };
}

describe('the generation of a Gateway', () => {
  it('is none while nothing behind a connector is attached to it', () => {
    const { view, generations } = setUp();
    generations.setGateway('a', 'eg', true);
    generations.setRoute('a', 'shop', ['a/eg']);
    expect(generations.of('a/eg')).toBe('none');
    view.setProxy('a', 'shop', plain);
    expect(generations.of('a/eg')).toBe('none');
  });

  it('differs by the state of the connectors behind its routes, and comes back with it', () => {
    const { view, generations } = setUp();
    generations.setGateway('a', 'eg', true);
    generations.setRoute('a', 'shop', ['a/eg']);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    const whileMissing = generations.of('a/eg');
    view.setConnector('a', 'berlin', online);
    const whileOnline = generations.of('a/eg');
    view.setConnector('a', 'berlin', offline);
    expect(whileMissing).toMatch(/^[0-9a-f]{12}$/);
    expect(whileOnline).not.toBe(whileMissing);
    expect(generations.of('a/eg')).toBe(whileMissing);
    view.setConnector('a', 'berlin', { ...online, nodeId: 'node-2' });
    expect(generations.of('a/eg')).not.toBe(whileOnline);
  });

  it('is that of the HTTPProxy of its own name, without any HTTPRoute', () => {
    const { view, generations, changedBy } = setUp();
    generations.setGateway('a', 'shop', true);
    const change = () => view.setProxy('a', 'shop', proxyBehind('berlin'));
    expect(changedBy(change)).toEqual(['a/shop']);
    expect(generations.of('a/shop')).toMatch(/^[0-9a-f]{12}$/);
  });

  it('does not depend on what another Gateway is concerned by', () => {
    const { view, generations, changedBy } = setUp();
    for (const name of ['one', 'two']) {
      generations.setGateway('a', name, true);
      generations.setRoute('a', `route-${name}`, [`a/${name}`]);
      view.setProxy('a', `route-${name}`, proxyBehind(`connector-${name}`));
    }
    const before = generations.of('a/two');
    expect(changedBy(() => view.setConnector('a', 'connector-one', online))).toEqual(['a/one']);
    expect(generations.of('a/two')).toBe(before);
  });

  it('counts a route in another namespace, and one of an upstream namespace', () => {
    const { view, generations } = setUp();
    generations.setGateway('infra', 'eg', true);
    generations.setRoute('ns-1', 'shop', ['infra/eg']);
    view.setProxy('project', 'shop', proxyBehind('berlin'));
    expect(generations.of('infra/eg')).toBe('none');
    view.setNamespace('ns-1', { upstream: 'project' });
    expect(generations.of('infra/eg')).toMatch(/^[0-9a-f]{12}$/);
  });

  it('goes with the route, and follows it to another Gateway', () => {
    const { view, generations, changedBy } = setUp();
    for (const name of ['one', 'two']) generations.setGateway('a', name, true);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    generations.setRoute('a', 'shop', ['a/one']);
    const generation = generations.of('a/one');
    const move = () => generations.setRoute('a', 'shop', ['a/two']);
    expect(changedBy(move)).toEqual(['a/one', 'a/two']);
    expect(generations.of('a/one')).toBe('none');
    expect(generations.of('a/two')).toBe(generation);
    generations.setRoute('a', 'shop', undefined);
    expect(generations.of('a/two')).toBe('none');
  });

  it('cannot be told where HTTPProxies or Connectors may not be read', () => {
    const { view, generations } = setUp();
    generations.setGateway('a', 'eg', true);
    generations.setRoute('a', 'shop', ['a/eg']);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setKnown(undefined, false);
    expect(generations.of('a/eg')).toBeUndefined();
    view.setKnown(undefined, true);
    expect(generations.of('a/eg')).toMatch(/^[0-9a-f]{12}$/);
  });
});

describe('any sequence of events', () => {
  const gateways = someNames.map((name) => `a/${name}`);
  const attachment = fc.record({
    route: fc.constantFrom(...someKeys),
    gateway: fc.option(fc.constantFrom(...gateways), { nil: undefined }),
  });
  const steps = fc
    .tuple(viewEvents, fc.array(attachment, { maxLength: 20 }), fc.array(fc.boolean()))
    .map(([events, attachments, order]) => {
      const [rest, others] = [[...events], [...attachments]];
      const first = order.map((isEvent) => (isEvent ? rest.shift() : others.shift()));
      return [...first, ...rest, ...others].filter((step) => step !== undefined);
    });

  it('leads to the generations of the last state, and tells of each that changes', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const { view, generations, changedBy } = setUp();
        const attached = new Map<string, () => void>();
        const rebuilt = new GatewayGenerations(view, () => undefined);
        for (const name of someNames) generations.setGateway('a', name, true);
        for (const step of sequence) {
          const before = gateways.map((gateway) => generations.of(gateway));
          const told = changedBy(() => {
            if ('apply' in step) return step.apply(view);
            const { namespace, name } = step.route;
            const parents = step.gateway === undefined ? undefined : [step.gateway];
            generations.setRoute(namespace, name, parents);
            const again = () => rebuilt.setRoute(namespace, name, parents);
            attached.set(`${namespace}/${name}`, again);
          });
          const changed = gateways.filter((gateway, at) => generations.of(gateway) !== before[at]);
          expect(told).toEqual(expect.arrayContaining(changed));
        }
        for (const attach of attached.values()) attach();
        for (const gateway of gateways) expect(generations.of(gateway)).toBe(rebuilt.of(gateway));
      }),
      { numRuns: 300 },
    );
  });
});
