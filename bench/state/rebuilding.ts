import { readConnectorStatus } from '../../src/state/kubernetes/connector-status.ts';
import { readHttpProxy } from '../../src/state/kubernetes/http-proxy.ts';
import { KubernetesView } from '../../src/state/kubernetes/kubernetes-view.ts';
import { connector, httpProxy } from '../../test/support/kubernetes-objects.ts';
import type { Contender } from '../measure.ts';

const changes = 1_000;
const hookReads = 10_000;

/** One change of a view of so many connectors, against what a view built anew would cost for it. */
export function viewContenders(size: number): Contender[] {
  const names = Array.from({ length: size }, (_, at) => `fleet-${at}`);
  const objects = names.map((name) => ({
    name,
    proxy: readHttpProxy(httpProxy('fleet', name, name)),
    status: readConnectorStatus(connector('fleet', name, true)),
  }));
  const offline = readConnectorStatus(connector('fleet', 'any', false));
  const fill = () => {
    const view = new KubernetesView();
    for (const { name, proxy, status } of objects) {
      view.setProxy('fleet', name, proxy);
      view.setConnector('fleet', name, status);
    }
    return view;
  };
  const kept = fill();
  return [
    {
      name: 'one change: the view is kept up',
      measure: async () => {
        const started = performance.now();
        for (let at = 0; at < changes; at++) {
          const { name, status } = objects[at % size] ?? { name: '', status: offline };
          kept.setConnector('fleet', name, at % 2 === 0 ? offline : status);
        }
        return (performance.now() - started) / changes;
      },
    },
    {
      name: 'one change: the view is built anew',
      measure: async () => {
        const started = performance.now();
        fill();
        return performance.now() - started;
      },
    },
    {
      name: 'what a hook call of 10,000 rules reads',
      measure: async () => {
        const started = performance.now();
        for (let at = 0; at < hookReads; at++) {
          const name = `fleet-${at % size}`;
          kept.forRule({ kind: 'HTTPRoute', namespace: 'fleet', name, rule: 0 });
        }
        return performance.now() - started;
      },
    },
  ];
}
