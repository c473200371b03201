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

function checkPolicies(entry: ManagerEntry): Finding[] {
  const { policyResources } = entry.manager;
  if (!policyResources?.length) return [];
  return [
    finding('policies-unused', entry.place('policyResources'), {
      problem: `Offramp reads no ${kindsOf(policyResources)}`,
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
