import { type Config, configSchema } from '../src/config/schema.ts';
import type { RewriteSettings, State } from '../src/rewrites/pipeline.ts';
import type { AssignmentLookup } from '../src/state/assignments.ts';
import { type BackendRefVerdict, lookUpStated } from '../src/state/backend-refs.ts';
import { type Connector, type ConnectorEntry, ConnectorView } from '../src/state/connectors.ts';
import type { Corpus, KnownRule, Original } from './corpus.ts';
import { Random } from './random.ts';

/** What the world is like while a snapshot is rewritten. */
export interface World {
  readonly state: State;
  readonly settings: RewriteSettings;
}

/** That of the golden input most of the time, where it is one; else one made up from what there is. */
export function makeWorld(original: Original, corpus: Corpus, random: Random): World {
  const { state, settings } = original;
  if (state !== undefined && settings !== undefined && !random.oneIn(4)) return { state, settings };
  return {
    state: {
      connectors: new ConnectorView(makeConnectors(corpus, random)),
      backendRefs: lookUpStated(makeBackendRefs(corpus, random)),
      ...(random.oneIn(3) ? { assignments: makeAssignments(random) } : {}),
    },
    settings: { ...random.pick(configsOf(corpus)), everySplit: random.oneIn(4) },
  };
}

const configs = new WeakMap<Corpus, readonly Config[]>();

/** Made once, because parsing one takes longer than rewriting a snapshot. */
function configsOf(corpus: Corpus): readonly Config[] {
  const known = configs.get(corpus);
  if (known !== undefined) return known;
  const random = new Random('configurations');
  const made = Array.from({ length: 500 }, () => makeConfig(corpus, random));
  configs.set(corpus, made);
  return made;
}

function makeConnectors({ rules, clusters }: Corpus, random: Random): ConnectorEntry[] {
  const taken = random.some(rules, 1 + random.below(6));
  return taken.map(({ kind, namespace, name, rule }, at) => {
    const whole = { kind, namespace, name };
    const route = random.weighted<ConnectorEntry['routes'][number]>([
      [3, whole],
      [3, { ...whole, rule }],
      [2, { ...whole, rule, backend: random.below(3) }],
    ]);
    return {
      connector: makeConnector(`connector-${at}`, random),
      routes: [route],
      clusters: random.oneIn(6) ? [random.pick(clusters)] : [],
    };
  });
}

function makeConnector(name: string, random: Random): Connector {
  if (random.oneIn(2)) return { name, online: false };
  const tunnel = { host: 'localhost', port: 1 + random.below(65_535), endpointId: `node-${name}` };
  return { name, online: true, tunnel };
}

const verdicts: readonly BackendRefVerdict[] = [
  'ready',
  'empty',
  'empty',
  'unready',
  'valid',
  'invalid',
  'custom',
  'dynamic',
  'unresolved',
];

/** Each at most once, as a state file has to have them: of two the rewrites might believe either. */
function makeBackendRefs({ rules }: Corpus, random: Random) {
  const some = new Map(random.some(rules, 2).map((rule) => [JSON.stringify(rule), rule]));
  return [...some.values()].flatMap((rule: KnownRule) =>
    Array.from({ length: 1 + random.below(4) }, (_, backend) => ({
      ...rule,
      backend,
      weight: random.pick([0, 1, 1, 10, 50, 1_000_000]),
      verdict: random.pick(verdicts),
      detail: 'made up',
    })),
  );
}

/** Says the same of a cluster however often, and in whatever order, it is asked. */
function makeAssignments(random: Random): AssignmentLookup {
  const seed = random.below(2 ** 32);
  return {
    isUsable(cluster) {
      const answer = new Random(`${seed} ${cluster}`).below(3);
      return answer === 2 ? undefined : answer === 1;
    },
  };
}

const controlPlaneAddress = { host: 'control.example.com', port: 443, tls: {} };

function makeConfig({ rules, clusters }: Corpus, random: Random): Config {
  const routes = random.some(rules, 6).map(({ namespace, name, rule }) => {
    const whole = { kind: 'HTTPRoute', namespace, name };
    return random.oneIn(2) ? whole : { ...whole, rule };
  });
  return configSchema.parse({
    connectors: {
      offlineResponse: random.pick([
        {},
        { body: '' },
        { status: 418, body: 'x'.repeat(4096), headers: { 'Retry-After': '30%' } },
      ]),
    },
    emptyBackends: {
      mode: random.pick(['Rebalance', 'Rebalance', 'Keep']),
      endpoints: random.pick(['slices', 'hook']),
    },
    controlPlaneFallback: random.oneIn(2)
      ? {}
      : {
          routes,
          controlPlane: random.oneIn(2) ? controlPlaneAddress : { cluster: random.pick(clusters) },
        },
  });
}
