import { type FallbackSpec, fallbackSettings } from './fallback-policy.ts';
import { nearestSetting, type PolicySubject } from './nearest-policy.ts';
import type { OfframpPolicy } from './offramp-policy.ts';

/** What policies decide about the fallback of one object: each setting by the nearest that has it. */
export interface DecidedFallback {
  readonly spec: FallbackSpec;
  /** `namespace/name` of the policies that decide, the one of the first setting first. */
  readonly policies: readonly string[];
  /** Policies that spoke at the same level as a deciding one and lost, and to which. */
  readonly overruled: readonly { readonly policy: string; readonly by: string }[];
}

/** Undefined when no policy says anything about the fallback. */
export function decideFallback(
  policies: readonly OfframpPolicy[],
  subject: PolicySubject,
): DecidedFallback | undefined {
  const decided = fallbackSettings.flatMap((setting) => {
    const nearest = nearestSetting(policies, subject, ({ fallback }) => fallback[setting]);
    return nearest === undefined ? [] : [{ ...nearest, setting }];
  });
  if (decided.length === 0) return undefined;
  const losers = new Map(
    decided.flatMap(({ policy: by, overruled }) => overruled.map((one) => [one, by] as const)),
  );
  return {
    spec: Object.fromEntries(decided.map(({ setting, value }) => [setting, value])),
    policies: [...new Set(decided.map(({ policy }) => policy))],
    overruled: [...losers].map(([policy, by]) => ({ policy, by })),
  };
}
