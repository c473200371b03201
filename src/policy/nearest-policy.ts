import type { EmptyBackendsMode, OfframpPolicy, PolicyTarget } from './offramp-policy.ts';

/** A policy that decides, and those that spoke at the same level and were overruled. */
export interface Decided {
  /** `namespace/name` of the policy. */
  readonly policy: string;
  readonly mode: EmptyBackendsMode;
  readonly level: PolicyLevel;
  readonly overruled: readonly string[];
  /** What would decide if it were not for this one: policies further away, the nearest first. */
  readonly outranked: readonly Outranked[];
}

/** A policy that a nearer one has the better of. That is as meant, and no conflict. */
export interface Outranked {
  readonly policy: string;
  readonly level: PolicyLevel;
}

/** Where a policy is attached, the nearest first. */
export const policyLevels = ['rule', 'route', 'listener', 'gateway'] as const;

/** One of `policyLevels`. */
export type PolicyLevel = (typeof policyLevels)[number];

/** An object that policies can be attached to, with its part: a Gateway's listener, a route's rule. */
export interface PolicySubject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Name of the listener or the rule, '' when it has none. */
  readonly section: string;
}

/**
 * The policy that decides for a part of an object: one for that part before one for the whole, the
 * older of two at one level (then by name). Undefined when none says anything about empty backends.
 */
export function decideByPolicies(
  policies: readonly OfframpPolicy[],
  subject: PolicySubject,
): Decided | undefined {
  const [partLevel, wholeLevel] =
    subject.kind === 'Gateway' ? (['listener', 'gateway'] as const) : (['rule', 'route'] as const);
  const whole = decideAt(
    wholeLevel,
    policies,
    subject,
    ({ sectionName }) => sectionName === undefined,
  );
  const part = decideAt(partLevel, policies, subject, (target) => isForPart(target, subject));
  if (part === undefined || whole === undefined) return part ?? whole;
  return { ...part, outranked: [{ policy: whole.policy, level: whole.level }] };
}

function isForPart({ sectionName }: PolicyTarget, { section }: PolicySubject): boolean {
  return section !== '' && sectionName === section;
}

function decideAt(
  level: PolicyLevel,
  policies: readonly OfframpPolicy[],
  subject: PolicySubject,
  isAtLevel: (target: PolicyTarget) => boolean,
): Decided | undefined {
  const speaking = policies
    .filter(
      ({ namespace, targets }) =>
        namespace === subject.namespace &&
        targets.some(
          (target) =>
            target.kind === subject.kind && target.name === subject.name && isAtLevel(target),
        ),
    )
    .flatMap(({ emptyBackendsMode: mode, ...policy }) =>
      mode === undefined ? [] : [{ ...policy, mode }],
    )
    .sort((one, other) => one.created - other.created || compare(one.name, other.name));
  const [first, ...overruled] = speaking;
  if (first === undefined) return undefined;
  return {
    policy: `${first.namespace}/${first.name}`,
    mode: first.mode,
    level,
    overruled: overruled.map(({ namespace, name }) => `${namespace}/${name}`),
    outranked: [],
  };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
