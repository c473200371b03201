import type { EmptyBackendsMode, OfframpPolicy, PolicyTarget } from './offramp-policy.ts';

/** The policy that decides what happens to empty backendRefs. */
export interface Decided extends Omit<Nearest<unknown>, 'value'> {
  readonly mode: EmptyBackendsMode;
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

/** The policy that decides one setting, and those that spoke at the same level and were overruled. */
export interface Nearest<Value> {
  /** `namespace/name` of the policy. */
  readonly policy: string;
  readonly value: Value;
  readonly level: PolicyLevel;
  readonly overruled: readonly string[];
  /** What would decide if it were not for this one: policies further away, the nearest first. */
  readonly outranked: readonly Outranked[];
}

/** What a policy says about one setting; undefined when it says nothing. */
type ReadSetting<Value> = (policy: OfframpPolicy) => Value | undefined;

/** The policy that decides about empty backends; undefined when none says anything about them. */
export function decideByPolicies(
  policies: readonly OfframpPolicy[],
  subject: PolicySubject,
): Decided | undefined {
  const nearest = nearestSetting(policies, subject, ({ emptyBackendsMode }) => emptyBackendsMode);
  if (nearest === undefined) return undefined;
  const { value: mode, ...decided } = nearest;
  return { ...decided, mode };
}

/**
 * The policy that decides one setting for a part of an object: one for that part before one for the
 * whole, the older of two at one level (then by name). Undefined when none says anything about it.
 */
export function nearestSetting<Value>(
  policies: readonly OfframpPolicy[],
  subject: PolicySubject,
  read: ReadSetting<Value>,
): Nearest<Value> | undefined {
  const [partLevel, wholeLevel] =
    subject.kind === 'Gateway' ? (['listener', 'gateway'] as const) : (['rule', 'route'] as const);
  const forPart = policiesFor(policies, subject, (target) => isForPart(target, subject));
  const forWhole = policiesFor(policies, subject, ({ sectionName }) => sectionName === undefined);
  const part = oldestSaying(partLevel, forPart, read);
  const whole = oldestSaying(wholeLevel, forWhole, read);
  if (part === undefined || whole === undefined) return part ?? whole;
  return { ...part, outranked: [{ policy: whole.policy, level: whole.level }] };
}

function isForPart({ sectionName }: PolicyTarget, { section }: PolicySubject): boolean {
  return section !== '' && sectionName === section;
}

function policiesFor(
  policies: readonly OfframpPolicy[],
  subject: PolicySubject,
  isAtLevel: (target: PolicyTarget) => boolean,
): OfframpPolicy[] {
  return policies.filter(
    ({ namespace, targets }) =>
      namespace === subject.namespace &&
      targets.some(
        (target) =>
          target.kind === subject.kind && target.name === subject.name && isAtLevel(target),
      ),
  );
}

function oldestSaying<Value>(
  level: PolicyLevel,
  policies: readonly OfframpPolicy[],
  read: ReadSetting<Value>,
): Nearest<Value> | undefined {
  const speaking = policies
    .flatMap((policy) => {
      const value = read(policy);
      return value === undefined ? [] : [{ policy, value }];
    })
    .sort(
      ({ policy: one }, { policy: other }) =>
        one.created - other.created || compare(one.name, other.name),
    );
  const [first, ...overruled] = speaking;
  if (first === undefined) return undefined;
  return {
    policy: `${first.policy.namespace}/${first.policy.name}`,
    value: first.value,
    level,
    overruled: overruled.map(({ policy: { namespace, name } }) => `${namespace}/${name}`),
    outranked: [],
  };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
