import { atOnce, Pace, partsPerStep, type Steps } from '../steps.ts';
import type { RouteKind } from './connectors.ts';

/**
 * What is behind a backendRef. `empty`: valid, but without any endpoint, so that Envoy Gateway gives
 * it no cluster in a split. `unready`: it has endpoints, none of which takes requests now.
 * `valid`: it exists and may be referred to, and nobody counts its endpoints. `custom`: a kind of an
 * extension, whose cluster another extension server makes. `unresolved`: nothing tells.
 */
export type BackendRefVerdict =
  | 'ready'
  | 'empty'
  | 'unready'
  | 'valid'
  | 'invalid'
  | 'custom'
  | 'dynamic'
  | 'unresolved';

/** One backendRef of a rule, and what is known of it. */
export interface BackendRef {
  /** Its index in the rule's `backendRefs`, from 0. */
  readonly backend: number;
  readonly weight: number;
  readonly verdict: BackendRefVerdict;
  /** Why, for people: `Service shop/prod has no endpoints`. */
  readonly detail: string;
}

/** A rule of a route, by the route's kind (in any case), namespace and name and its own index. */
export interface RuleKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule: number;
}

/** Asks what is behind the backendRefs of a rule. */
export interface BackendRefLookup {
  /** What is known of a rule's backendRefs; undefined when nothing is. */
  forRule(rule: RuleKey): readonly BackendRef[] | undefined;
}

/** Knows nothing: no state source tells about backendRefs. */
export const noBackendRefs: BackendRefLookup = { forRule: () => undefined };

/** A backendRef as a state file states it. */
export interface StatedBackendRef extends RuleKey, BackendRef {
  readonly kind: RouteKind;
}

/** The lookup for backendRefs that are stated one by one. */
export function lookUpStated(stated: readonly StatedBackendRef[]): BackendRefLookup {
  return atOnce(lookUpStatedInSteps(stated));
}

/** The same with pauses. */
export function* lookUpStatedInSteps(stated: readonly StatedBackendRef[]): Steps<BackendRefLookup> {
  if (stated.length === 0) return noBackendRefs;
  const pace = new Pace(partsPerStep);
  const rules = new Map<string, BackendRef[]>();
  for (const ref of stated) {
    const refs = rules.get(keyOf(ref)) ?? [];
    refs.push(ref);
    rules.set(keyOf(ref), refs);
    if (pace.isPauseDue()) yield;
  }
  return { forRule: (rule) => rules.get(keyOf(rule)) };
}

function keyOf({ kind, namespace, name, rule }: RuleKey): string {
  return `${kind.toLowerCase()}/${namespace}/${name}/${rule}`;
}
