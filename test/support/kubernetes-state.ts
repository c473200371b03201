import fc from 'fast-check';
import type { ConnectorStatus } from '../../src/state/kubernetes/connector-status.ts';
import type { HttpProxy } from '../../src/state/kubernetes/http-proxy.ts';
import type { KubernetesView } from '../../src/state/kubernetes/kubernetes-view.ts';

export const online = {
  online: true,
  nodeId: 'node-1',
  problems: [],
} satisfies ConnectorStatus;

export const offline = { online: false, problems: [] } satisfies ConnectorStatus;

/** An HTTPProxy behind no connector. */
export const plain: HttpProxy = { rules: [], problems: [] };

/** An HTTPProxy with one rule, whose backends are behind these connectors. */
export function proxyBehind(...connectors: readonly string[]): HttpProxy {
  if (connectors.length === 0) return plain;
  const backends = connectors.map((connector, backend) => ({
    backend,
    connector,
    host: 'home',
    port: 80 + backend,
  }));
  return { rules: [{ rule: 0, isWhole: connectors.length === 1, backends }], problems: [] };
}

/** Namespaces and names that random events use. */
export const someNames = ['a', 'b', 'c'];

/** Every object of those names in those namespaces. */
export const someKeys = someNames.flatMap((namespace) =>
  someNames.map((name) => ({ namespace, name })),
);

/** One object as it comes to a view: changed, or gone. */
export interface ViewEvent {
  readonly object: string;
  readonly isGone: boolean;
  apply(view: KubernetesView): void;
}

const name = fc.constantFrom(...someNames);
const orGone = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const proxyEvent = fc
  .tuple(
    name,
    name,
    orGone(
      fc.oneof(
        fc.array(name, { maxLength: 3 }).map((connectors) => proxyBehind(...connectors)),
        fc.constant({ ...plain, problems: ['broken'] }),
      ),
    ),
  )
  .map(([namespace, proxy, value]) => ({
    object: `HTTPProxy ${namespace}/${proxy}`,
    isGone: value === undefined,
    apply: (view: KubernetesView) => view.setProxy(namespace, proxy, value),
  }));

const connectorEvent = fc
  .tuple(
    name,
    name,
    orGone(
      fc.constantFrom<ConnectorStatus>(
        online,
        offline,
        { ...online, nodeId: 'node-2' },
        { ...offline, problems: ['broken'] },
      ),
    ),
  )
  .map(([namespace, connector, value]) => ({
    object: `Connector ${namespace}/${connector}`,
    isGone: value === undefined,
    apply: (view: KubernetesView) => view.setConnector(namespace, connector, value),
  }));

const namespaceEvent = fc
  .tuple(name, orGone(fc.constantFrom({}, ...someNames.map((upstream) => ({ upstream })))))
  .map(([namespace, value]) => ({
    object: `Namespace ${namespace}`,
    isGone: value === undefined,
    apply: (view: KubernetesView) => view.setNamespace(namespace, value),
  }));

/** Any sequence of changes. */
export const viewEvents: fc.Arbitrary<ViewEvent[]> = fc.array(
  fc.oneof(proxyEvent, connectorEvent, namespaceEvent),
  { maxLength: 60 },
);
