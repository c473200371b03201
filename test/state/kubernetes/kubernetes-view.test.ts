import { describe, expect, it } from 'vitest';
import { KubernetesView } from '../../../src/state/kubernetes/kubernetes-view.ts';
import { hashText } from '../../../src/xds/name-hash.ts';
import { offline, online, plain, proxyBehind } from '../../support/kubernetes-state.ts';

function rule(namespace: string, name: string, index = 0) {
  return { kind: 'HTTPRoute', namespace, name, rule: index };
}

/** The one connector that a whole rule is behind. */
function connectorOf(view: KubernetesView, namespace: string, name: string) {
  return view.forRule(rule(namespace, name))?.whole;
}

describe('the view of Kubernetes', () => {
  it('knows the tunnel of an online connector', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setConnector('a', 'berlin', online);
    expect(connectorOf(view, 'a', 'shop')).toEqual({
      name: 'a/berlin',
      online: true,
      tunnel: { host: 'home', port: 80, endpointId: 'node-1' },
    });
  });

  it('follows the node id of a connector that stays online', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    for (const nodeId of ['node-1', 'node-2']) {
      view.setConnector('a', 'berlin', { ...online, nodeId });
      expect(connectorOf(view, 'a', 'shop')).toMatchObject({ tunnel: { endpointId: nodeId } });
    }
  });

  it('takes a connector that does not exist for offline', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    expect(connectorOf(view, 'a', 'shop')).toEqual({ name: 'a/berlin', online: false });
  });

  it('takes a deleted connector for offline', () => {
    const view = new KubernetesView();
    view.setConnector('a', 'berlin', online);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setConnector('a', 'berlin', undefined);
    expect(connectorOf(view, 'a', 'shop')).toMatchObject({ online: false });
  });

  it('looks for the connector in the namespace of the HTTPProxy', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setConnector('b', 'berlin', online);
    expect(connectorOf(view, 'a', 'shop')).toMatchObject({ online: false });
  });

  it('says that a route may be claimed, by hashes, as long as some HTTPProxy of its name claims', () => {
    const view = new KubernetesView();
    const mayClaim = (name: string) => view.mayClaimRoute(0, hashText(name));
    expect(mayClaim('shop')).toBe(false);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setProxy('b', 'shop', proxyBehind('berlin'));
    view.setProxy('a', 'shop', proxyBehind('oslo'));
    expect([mayClaim('shop'), mayClaim('cart')]).toEqual([true, false]);
    view.setProxy('a', 'shop', undefined);
    expect(mayClaim('shop')).toBe(true);
    view.setProxy('b', 'shop', undefined);
    expect(mayClaim('shop')).toBe(false);
  });

  it('says which rules of a name may be claimed, as long as some HTTPProxy of it claims them', () => {
    const view = new KubernetesView();
    const mayClaim = () =>
      [0, 1, 2].filter((index) => view.mayClaimRule(0, hashText('shop'), index));
    const [first] = proxyBehind('berlin').rules;
    if (first === undefined) throw new Error('no rule');
    const claiming = (...rules: number[]) => {
      return { rules: rules.map((index) => ({ ...first, rule: index })), problems: [] };
    };
    expect(mayClaim()).toEqual([]);
    view.setProxy('a', 'shop', claiming(0, 2));
    view.setProxy('b', 'shop', claiming(0));
    expect(mayClaim()).toEqual([0, 2]);
    view.setProxy('a', 'shop', claiming(1));
    expect(mayClaim()).toEqual([0, 1]);
    view.setProxy('b', 'shop', undefined);
    expect(mayClaim()).toEqual([1]);
  });

  it('tells the backends of a split apart', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin', 'oslo'));
    view.setConnector('a', 'oslo', online);
    const claims = view.forRule(rule('a', 'shop'));
    expect(claims?.whole).toBeUndefined();
    expect(claims?.byBackend.get(0)).toEqual({ name: 'a/berlin', online: false });
    expect(claims?.byBackend.get(1)).toMatchObject({ name: 'a/oslo', online: true });
  });

  it('gives one object for one tunnel, so that a cluster of two refs to it is recognised', () => {
    const view = new KubernetesView();
    const [backend] = proxyBehind('berlin').rules[0]?.backends ?? [];
    if (backend === undefined) throw new Error('no backend');
    const backends = [backend, { ...backend, backend: 1 }];
    view.setProxy('a', 'shop', { rules: [{ rule: 0, isWhole: false, backends }], problems: [] });
    for (const status of [online, offline, undefined]) {
      view.setConnector('a', 'berlin', status);
      const claims = view.forRule(rule('a', 'shop'));
      expect(claims?.byBackend.get(0)).toBe(claims?.byBackend.get(1));
    }
  });

  it('claims HTTPRoutes alone, and the rule that was named alone', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    expect(view.forRule({ ...rule('a', 'shop'), kind: 'httproute' })).toBeDefined();
    expect(view.forRule({ ...rule('a', 'shop'), kind: 'GRPCRoute' })).toBeUndefined();
    expect(view.forRule(rule('a', 'shop', 1))).toBeUndefined();
    expect(view.forRule({ ...rule('a', 'shop'), rule: undefined })).toBeUndefined();
    expect(view.claimsRoute(rule('a', 'shop'))).toBe(true);
    expect(view.claimsRoute({ ...rule('a', 'shop'), kind: 'GRPCRoute' })).toBe(false);
    expect(view.claimsRoute(rule('b', 'shop'))).toBe(false);
    expect(view.forCluster()).toBeUndefined();
  });

  it('is empty while no HTTPProxy names a connector', () => {
    const view = new KubernetesView();
    view.setConnector('a', 'berlin', online);
    view.setProxy('a', 'shop', plain);
    expect(view.isEmpty).toBe(true);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    expect(view.isEmpty).toBe(false);
    view.setProxy('a', 'shop', undefined);
    expect(view.isEmpty).toBe(true);
  });

  it('serves the routes of a replica by the HTTPProxy of its upstream namespace', () => {
    const view = new KubernetesView();
    view.setProxy('project', 'shop', proxyBehind('berlin'));
    view.setNamespace('ns-1', { upstream: 'project' });
    expect(connectorOf(view, 'ns-1', 'shop')).toMatchObject({ name: 'project/berlin' });
  });

  it('serves the routes of an upstream namespace by the HTTPProxy of its replica', () => {
    const view = new KubernetesView();
    view.setProxy('ns-1', 'shop', proxyBehind('berlin'));
    view.setNamespace('ns-1', { upstream: 'project' });
    expect(connectorOf(view, 'project', 'shop')).toMatchObject({ name: 'ns-1/berlin' });
    expect(connectorOf(view, 'ns-1', 'shop')).toMatchObject({ name: 'ns-1/berlin' });
  });

  it('prefers the HTTPProxy of the route’s own namespace, even one without connectors', () => {
    const view = new KubernetesView();
    view.setNamespace('ns-1', { upstream: 'project' });
    view.setProxy('project', 'shop', proxyBehind('berlin'));
    view.setProxy('ns-1', 'shop', proxyBehind('oslo'));
    expect(connectorOf(view, 'ns-1', 'shop')).toMatchObject({ name: 'ns-1/oslo' });
    view.setProxy('ns-1', 'shop', plain);
    expect(connectorOf(view, 'ns-1', 'shop')).toBeUndefined();
  });

  it('takes the first replica when several could serve a route, and says so', () => {
    const view = new KubernetesView();
    view.setNamespace('project', {});
    for (const replica of ['ns-2', 'ns-1']) {
      view.setNamespace(replica, { upstream: 'project' });
      view.setProxy(replica, 'shop', proxyBehind('berlin'));
    }
    expect(connectorOf(view, 'project', 'shop')).toMatchObject({ name: 'ns-1/berlin' });
    expect(view.problems()).toEqual([
      'HTTPRoute project/shop: ns-1 and ns-2 each have an HTTPProxy for it; that of ns-1 is used',
    ]);
    view.setProxy('project', 'shop', plain);
    expect(view.problems()).toEqual([]);
  });

  it('says nothing of replicas whose upstream namespace is in another cluster', () => {
    const view = new KubernetesView();
    for (const replica of ['ns-1', 'ns-2']) {
      view.setNamespace(replica, { upstream: 'project' });
      view.setProxy(replica, 'shop', proxyBehind('berlin'));
    }
    expect(view.problems()).toEqual([]);
  });

  it('claims nothing where it may not read, instead of taking all connectors for missing', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setProxy('b', 'shop', proxyBehind('oslo'));
    view.setKnown('a', false);
    expect(connectorOf(view, 'a', 'shop')).toBeUndefined();
    expect(connectorOf(view, 'b', 'shop')).toBeDefined();
    expect(view.connectors).toEqual([{ name: 'b/oslo', online: false }]);
    view.setKnown('a', true);
    expect(connectorOf(view, 'a', 'shop')).toBeDefined();
    view.setKnown(undefined, false);
    expect(connectorOf(view, 'b', 'shop')).toBeUndefined();
    expect(view.isEmpty).toBe(true);
    expect(view.connectors).toEqual([]);
  });

  it('does not look further when the better namespace may not be read', () => {
    const view = new KubernetesView();
    view.setNamespace('ns-1', { upstream: 'project' });
    view.setProxy('project', 'shop', proxyBehind('berlin'));
    view.setKnown('ns-1', false);
    expect(connectorOf(view, 'ns-1', 'shop')).toBeUndefined();
    expect(view.isKnown('ns-1')).toBe(false);
    expect(view.isKnown('project')).toBe(false);
    expect(view.isKnown('other')).toBe(true);
  });

  it('lists the problems of its objects until they are gone', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', { rules: [], problems: ['no URL'] });
    view.setConnector('a', 'berlin', { ...offline, problems: ['no node id'] });
    expect(view.problems()).toEqual(['Connector a/berlin: no node id', 'HTTPProxy a/shop: no URL']);
    view.setProxy('a', 'shop', undefined);
    view.setConnector('a', 'berlin', offline);
    expect(view.problems()).toEqual([]);
  });

  it('tells whose routes a change concerns', () => {
    const view = new KubernetesView();
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setProxy('a', 'blog', proxyBehind('berlin', 'oslo'));
    const told: string[] = [];
    view.listen({
      routesNamed: (name) => told.push(`named ${name}`),
      routesIn: (namespace) => told.push(`in ${namespace}`),
      allRoutes: () => told.push('all'),
    });
    const toldAfter = (change: () => void) => {
      told.length = 0;
      change();
      return [...told].sort();
    };
    expect(toldAfter(() => view.setConnector('a', 'berlin', online))).toEqual([
      'named blog',
      'named shop',
    ]);
    expect(toldAfter(() => view.setConnector('a', 'oslo', online))).toEqual(['named blog']);
    expect(toldAfter(() => view.setConnector('b', 'berlin', online))).toEqual([]);
    expect(toldAfter(() => view.setProxy('a', 'blog', undefined))).toEqual(['named blog']);
    expect(toldAfter(() => view.setConnector('a', 'oslo', offline))).toEqual([]);
    expect(toldAfter(() => view.setNamespace('a', { upstream: 'b' }))).toEqual([
      'in a',
      'named shop',
    ]);
    expect(toldAfter(() => view.setKnown('a', false))).toEqual(['all']);
  });
});

describe('the connectors that something belongs to', () => {
  const told = (view: KubernetesView) =>
    view.connectors.map(({ name, online: isOnline }) => [name, isOnline]);

  it('are one array until something changes, and then what it made of them', () => {
    const view = new KubernetesView();
    expect(told(view)).toEqual([]);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    expect(told(view)).toEqual([['a/berlin', false]]);
    view.setConnector('a', 'berlin', online);
    expect(told(view)).toEqual([['a/berlin', true]]);
    expect(view.connectors).toBe(view.connectors);
    view.setConnector('a', 'berlin', offline);
    expect(told(view)).toEqual([['a/berlin', false]]);
    view.setKnown('a', false);
    expect(told(view)).toEqual([]);
    view.setKnown('a', true);
    expect(told(view)).toEqual([['a/berlin', false]]);
    view.setKnown(undefined, false);
    expect(told(view)).toEqual([]);
    view.setKnown(undefined, true);
    view.setProxy('a', 'shop', proxyBehind('oslo'));
    expect(told(view)).toEqual([['a/oslo', false]]);
    view.setProxy('a', 'shop', undefined);
    expect(told(view)).toEqual([]);
  });
});
