import { createHash } from 'node:crypto';
import { type CorrectableSplit, findCorrection } from '../rewrites/empty-backends/decided-split.ts';
import type { BackendRefLookup, RuleKey } from '../state/backend-refs.ts';
import { KeyIndex } from '../state/kubernetes/key-index.ts';

/** Milliseconds. */
const pauses = {
  /**
   * From a change to the retrigger. Most changes make Envoy Gateway translate by itself; its call
   * comes within this time in all but the largest fleets, and makes the retrigger unnecessary.
   */
  collect: 500,
  /** The same, when a call was answered just before: most likely that was it, and we learn late. */
  late: 50,
  justBefore: 1_000,
  /** Until a retrigger that nobody asked us about after is taken for another Offramp's business. */
  ours: 9_500,
};

/** What should happen because of what was answered for a Gateway. */
export type Correction =
  | { readonly kind: 'none' }
  /** Something may have changed; look again after so many milliseconds. */
  | { readonly kind: 'later'; readonly milliseconds: number }
  /** Another answer is due. `value` stands for the state that it would be given from. */
  | { readonly kind: 'due'; readonly value: string; readonly reasons: readonly string[] };

/** What was decided in the last answer for a Gateway. */
interface Answer {
  /** By their rules: the several matches and listeners of a rule have the same split. */
  readonly splits: ReadonlyMap<string, CorrectableSplit>;
  readonly at: number;
  /** When to look at it again, because something changed that a decision may depend on. */
  lookAt?: number | undefined;
  /** The retrigger that this answer has led to. */
  asked?: { readonly value: string; readonly at: number };
}

const none: Correction = { kind: 'none' };

/**
 * What the last answer for each Gateway took its backendRefs for. When the state later says otherwise
 * and the answer would be another one, the Gateway needs a translation, which Envoy Gateway may not
 * begin by itself: it does not see what Offramp sees, or not at the same time.
 */
export class AnsweredDecisions {
  readonly #backendRefs: BackendRefLookup;
  readonly #answers = new Map<string, Answer>();
  readonly #gatewaysByRoute = new KeyIndex();

  constructor(backendRefs: BackendRefLookup) {
    this.#backendRefs = backendRefs;
  }

  /** The Gateway was answered for, with these decisions. */
  remember(gateway: string, decided: readonly CorrectableSplit[], at: number): void {
    this.forget(gateway);
    if (decided.length === 0) return;
    const splits = new Map(decided.map((split) => [ruleKey(split.rule), split]));
    this.#answers.set(gateway, { splits, at });
    for (const { rule } of splits.values()) this.#gatewaysByRoute.add(routeKey(rule), gateway);
  }

  forget(gateway: string): void {
    for (const { rule } of this.#answers.get(gateway)?.splits.values() ?? []) {
      this.#gatewaysByRoute.delete(routeKey(rule), gateway);
    }
    this.#answers.delete(gateway);
  }

  /** The Gateways in whose last answer a split of this route was decided on. */
  gatewaysOf(route: string): ReadonlySet<string> {
    return this.#gatewaysByRoute.get(route);
  }

  /** Something changed that a decision may depend on. Answers after how long to look at it. */
  suspect(gateway: string, now: number): number {
    const answer = this.#answers.get(gateway);
    if (answer === undefined) return pauses.collect;
    const isLate = now - answer.at < pauses.justBefore;
    answer.lookAt ??= now + (isLate ? pauses.late : pauses.collect);
    return answer.lookAt - now;
  }

  /** What is due for a Gateway now. */
  check(gateway: string, now: number): Correction {
    const answer = this.#answers.get(gateway);
    if (answer === undefined) return none;
    if (answer.asked !== undefined && now - answer.asked.at >= pauses.ours) {
      // Whoever is asked now has answered from what is true now.
      this.forget(gateway);
      return none;
    }
    if (answer.lookAt === undefined) return none;
    const milliseconds = answer.lookAt - now;
    if (milliseconds > 0) return { kind: 'later', milliseconds };
    return this.#findDue(answer);
  }

  /** The Gateway was retriggered for this value; once is enough, whoever will be asked. */
  asked(gateway: string, value: string, now: number): void {
    const answer = this.#answers.get(gateway);
    if (answer !== undefined)
      Object.assign(answer, { asked: { value, at: now }, lookAt: undefined });
  }

  #findDue(answer: Answer): Correction {
    const splits = [...answer.splits.values()];
    const reasons = splits.flatMap((split) => findCorrection(split, this.#backendRefs) ?? []);
    if (reasons.length === 0) {
      answer.lookAt = undefined;
      return none;
    }
    const value = this.#describe(answer);
    return value === answer.asked?.value ? none : { kind: 'due', value, reasons };
  }

  /** Equal for equal state, whichever Offramp looks at it. */
  #describe({ splits }: Answer): string {
    const rules = [...splits].map(([key, { rule }]) => {
      const refs = this.#backendRefs.forRule(rule) ?? [];
      return [key, ...refs.map(({ verdict, weight }) => `${verdict} ${weight}`)].join(' ');
    });
    return createHash('sha256').update(rules.sort().join('\n')).digest('hex').slice(0, 12);
  }
}

/** As `BackendRefView` names routes to its listener. */
function routeKey({ kind, namespace, name }: RuleKey): string {
  return `${kind.toLowerCase()}/${namespace}/${name}`;
}

function ruleKey(rule: RuleKey): string {
  return `${routeKey(rule)}/${rule.rule}`;
}
