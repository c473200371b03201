import { policyGroup, policyKind } from '../policy/offramp-policy.ts';
import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, finding } from './findings.ts';

/** The Kubernetes objects that Envoy Gateway hands to Offramp. */
export function checkResources(entry: ManagerEntry): Finding[] {
  return [
    ...checkPolicies(entry),
    ...checkUnhandled(entry, 'resources', 'a filter of that kind does nothing'),
    ...checkUnhandled(
      entry,
      'backendResources',
      'nobody completes the cluster of such a backendRef',
    ),
  ];
}

/** Whether Envoy Gateway hands OfframpPolicies to this extension server. */
export function handsOverPolicies({ manager }: ManagerEntry): boolean {
  return manager.policyResources?.some(isOurs) ?? false;
}

function isOurs({ group, kind }: Kinds[number]): boolean {
  return group === policyGroup && kind === policyKind;
}

function checkPolicies(entry: ManagerEntry): Finding[] {
  const others = (entry.manager.policyResources ?? []).filter((one) => !isOurs(one));
  return [...checkRoutePolicies(entry), ...checkOtherPolicies(entry, others)];
}

/** Policies of routes come with a hook of their own. */
function checkRoutePolicies(entry: ManagerEntry): Finding[] {
  const post = entry.manager.hooks?.xdsTranslator?.post ?? [];
  if (!handsOverPolicies(entry) || post.includes('Route')) return [];
  return [
    finding('route-policies-unseen', entry.place('policyResources'), {
      problem: `${policyKind} is listed, but Route is not in hooks.xdsTranslator.post`,
      consequence:
        'Policies for Gateways and listeners count; those for routes and rules are accepted, and do nothing.',
      remedy: 'List Route beside Translation.',
    }),
  ];
}

function checkOtherPolicies(entry: ManagerEntry, others: Kinds): Finding[] {
  if (others.length === 0) return [];
  return [
    finding('policies-unused', entry.place('policyResources'), {
      problem: `Offramp reads no ${kindsOf(others)}`,
      consequence:
        'Envoy Gateway marks such policies as accepted and sends them along, and nothing comes of it.',
      remedy: 'Remove it.',
    }),
  ];
}

function checkUnhandled(
  entry: ManagerEntry,
  field: 'resources' | 'backendResources',
  effect: string,
): Finding[] {
  const kinds = entry.manager[field];
  if (!kinds?.length) return [];
  return [
    finding('resources-unhandled', entry.place(field), {
      problem: `Offramp does nothing with ${kindsOf(kinds)}`,
      consequence: `Envoy Gateway accepts routes that name one, and ${effect}.`,
      remedy: 'Remove it; without it such a route is refused in its status.',
    }),
  ];
}

type Kinds = NonNullable<ManagerEntry['manager']['resources']>;

function kindsOf(kinds: Kinds): string {
  return kinds.map(({ kind, group }) => `${kind ?? '?'}.${group ?? '?'}`).join(', ');
}
