import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readConnectorStatus } from '../../src/state/kubernetes/connector-status.ts';
import { KubernetesView } from '../../src/state/kubernetes/kubernetes-view.ts';
import { offline, online, proxyBehind } from '../support/kubernetes-state.ts';

const [first, later] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2)];

function viewAt(time: number): { view: KubernetesView; at: (time: number) => void } {
  vi.useFakeTimers({ now: time, toFake: ['Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return { view: new KubernetesView(), at: (now) => vi.setSystemTime(now) };
}

describe('since when a Connector is as it is', () => {
  it('is when its condition Ready changed, whenever it was read', () => {
    const { view } = viewAt(later);
    const ready = { type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const status = readConnectorStatus({ metadata: {}, status: { conditions: [ready] } });
    view.setConnector('a', 'berlin', status);
    expect(view.connectorConditions()).toEqual([
      { name: 'a/berlin', online: false, since: { at: first, orBefore: false }, serves: 'nothing' },
    ]);
  });

  it('is when it was seen to change, where the condition does not say', () => {
    const { view, at } = viewAt(first);
    view.setProxy('a', 'shop', proxyBehind('berlin'));
    view.setProxy('a', 'cart', proxyBehind('berlin'));
    view.setConnector('a', 'berlin', online);
    const serves = 'HTTPProxy a/shop and 1 more';
    expect(view.connectorConditions()).toEqual([
      { name: 'a/berlin', online: true, since: { at: first, orBefore: true }, serves },
    ]);
    at(later);
    view.setConnector('a', 'berlin', online);
    expect(view.connectorConditions()[0]?.since).toEqual({ at: first, orBefore: true });
    view.setConnector('a', 'berlin', offline);
    expect(view.connectorConditions()[0]?.since).toEqual({ at: later, orBefore: false });
  });

  it('is when it went, for one that is named and gone', () => {
    const { view, at } = viewAt(first);
    view.setProxy('a', 'shop', proxyBehind('berlin', 'oslo'));
    view.setConnector('a', 'berlin', online);
    at(later);
    view.setConnector('a', 'berlin', undefined);
    const serves = 'HTTPProxy a/shop, but there is no such Connector';
    expect(view.connectorConditions()).toEqual([
      { name: 'a/berlin', online: false, since: { at: later, orBefore: false }, serves },
      { name: 'a/oslo', online: false, since: { at: first, orBefore: true }, serves },
    ]);
  });

  it.each(['', 'yesterday', null, 7e99])(
    'is not read from a time like %j',
    (lastTransitionTime) => {
      const ready = { type: 'Ready', status: 'True', lastTransitionTime };
      const details = { type: 'PublicKey', publicKey: { id: 'node-1' } };
      const object = { metadata: {}, status: { conditions: [ready], connectionDetails: details } };
      expect(readConnectorStatus(object)).toEqual({ online: true, nodeId: 'node-1', problems: [] });
    },
  );
});
