import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, type FindingCode, finding } from './findings.ts';
import type { OfframpSide } from './offramp-side.ts';

type ResourceType = 'route' | 'cluster' | 'listener' | 'secret';

interface Expectation {
  readonly code: FindingCode;
  readonly includeAll: boolean;
  /** What Envoy Gateway does when nothing is said. */
  readonly byDefault: boolean;
  readonly problem: string;
  readonly consequence: string;
}

const expectations: Readonly<Record<ResourceType, Expectation>> = {
  route: {
    code: 'routes-not-sent',
    includeAll: true,
    byDefault: false,
    problem: 'routes are not sent to Offramp',
    consequence: 'No route is answered: requests to an offline connector fail as without Offramp.',
  },
  cluster: {
    code: 'clusters-not-sent',
    includeAll: true,
    byDefault: true,
    problem: 'clusters are not sent to Offramp',
    consequence:
      'No tunnel is opened: requests to an online connector go where Envoy Gateway’s own cluster leads. Each is reported as cluster-missing.',
  },
  listener: {
    code: 'listeners-not-sent',
    includeAll: true,
    byDefault: false,
    problem: 'listeners are not sent to Offramp',
    consequence:
      'CONNECT to an offline connector gets its 503 without the body, and no route gets the control-plane fallback.',
  },
  secret: {
    code: 'secrets-sent',
    includeAll: false,
    byDefault: true,
    problem: 'secrets are sent to Offramp, which has no use for them',
    consequence:
      'The private keys of the listeners are in every hook call, and in what is recorded of one.',
  },
};

/** The listeners, when Offramp’s configuration has what nothing comes of without them. */
const forFallback = {
  ...expectations.listener,
  code: 'fallback-without-listeners',
  problem: 'controlPlaneFallback is configured, and listeners are not sent to Offramp',
  consequence:
    'No route gets the control-plane fallback: its filters belong into listeners. Each opted-in route is reported as fallback-without-listener. CONNECT to an offline connector gets its 503 without the body.',
} as const satisfies Expectation;

/** Which resources a snapshot has; with Offramp’s configuration, also what of it needs them. */
export function checkTranslation(entry: ManagerEntry, side?: OfframpSide): Finding[] {
  const { xdsTranslator } = entry.manager.hooks ?? {};
  // Without hooks nothing is sent at all, which is told with the missing hook.
  if (!xdsTranslator) return [];
  const types = Object.keys(expectations) as ResourceType[];
  return types.flatMap((type) => {
    const expected = type === 'listener' && side?.fallback ? forFallback : expectations[type];
    const said = xdsTranslator.translation?.[type]?.includeAll;
    if ((said ?? expected.byDefault) === expected.includeAll) return [];
    const path = ['hooks', 'xdsTranslator', 'translation', type, 'includeAll'];
    const isDefault = said === undefined || said === null;
    return [
      finding(expected.code, entry.place(...path), {
        problem: `${expected.problem}${isDefault ? ' (the default)' : ''}`,
        consequence: expected.consequence,
        remedy: `Set it to ${expected.includeAll}.`,
        yaml: entry.yaml(path, expected.includeAll),
      }),
    ];
  });
}
