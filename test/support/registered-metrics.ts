import { z } from 'zod';
import { Metrics } from '../../src/observe/metrics.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import type { StateSource } from '../../src/state/source.ts';

const metricSchema = z.object({
  name: z.string(),
  help: z.string(),
  type: z.enum(['counter', 'gauge', 'histogram', 'summary']),
  labelNames: z.array(z.string()),
});

/** Every metric of Offramp as registered, without those of the process and of Node. */
export function registeredMetrics(): readonly z.output<typeof metricSchema>[] {
  const metrics = new Metrics('offramp');
  metrics.observeSource(idleSource);
  metrics.observeReadiness(() => []);
  return metrics.registry
    .getMetricsAsArray()
    .map((metric) => metricSchema.parse(metric))
    .filter(({ name }) => !/^(process|nodejs)_/.test(name));
}

/** A source that knows no connector, and has no trouble. */
export const idleSource: StateSource = {
  state: { connectors: ConnectorView.empty, backendRefs: noBackendRefs },
  status: () => ({
    name: 'file',
    synced: true,
    detail: '',
    problems: [],
    ageSeconds: 0,
    checks: [],
    unusableObjects: 0,
  }),
  connectorConditions: () => [],
  whenSynced: () => Promise.resolve(),
  stop: () => {},
};
