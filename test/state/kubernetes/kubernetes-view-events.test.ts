import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KubernetesView } from '../../../src/state/kubernetes/kubernetes-view.ts';
import { someKeys, viewEvents } from '../../support/kubernetes-state.ts';

/** Everything that can be asked of a view, over all names that occur. */
function answers(view: KubernetesView) {
  return {
    isEmpty: view.isEmpty,
    counts: view.counts,
    connectors: view.connectors.map((one) => JSON.stringify(one)).sort(),
    problems: view.problems(),
    routes: someKeys.map(({ namespace, name }) => {
      const route = { kind: 'HTTPRoute', namespace, name, rule: 0 };
      return [view.describeRoute(namespace, name), view.claimsRoute(route), view.forRule(route)];
    }),
  };
}

describe('any sequence of events', () => {
  it('leads to the view that the last state of each object would give', () => {
    fc.assert(
      fc.property(viewEvents, (events) => {
        const view = new KubernetesView();
        for (const event of events) event.apply(view);
        const last = new Map(events.map((event) => [event.object, event]));
        const rebuilt = new KubernetesView();
        for (const event of last.values()) if (!event.isGone) event.apply(rebuilt);
        expect(answers(view)).toEqual(answers(rebuilt));
      }),
      { numRuns: 500 },
    );
  });

  it('tells of every route whose answer it changes', () => {
    fc.assert(
      fc.property(viewEvents, (events) => {
        const view = new KubernetesView();
        const describeAll = () =>
          someKeys.map(({ namespace, name }) => view.describeRoute(namespace, name));
        let told = new Set<string>();
        view.listen({
          routesNamed: (name) => told.add(`named ${name}`),
          routesIn: (namespace) => told.add(`in ${namespace}`),
          allRoutes: () => told.add('all'),
        });
        for (const event of events) {
          const before = describeAll();
          told = new Set();
          event.apply(view);
          const after = describeAll();
          const untold = someKeys
            .filter((_, at) => before[at] !== after[at])
            .filter(
              ({ namespace, name }) => !told.has(`named ${name}`) && !told.has(`in ${namespace}`),
            );
          expect(untold).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
