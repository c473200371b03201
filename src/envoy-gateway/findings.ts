import type { Place } from '../config/yaml-places.ts';
import type { UnreadableConfiguration } from './find-configurations.ts';

/** error: it would not work. warning: it works, but not as well as it could. note: worth knowing. */
export type Level = 'error' | 'warning' | 'note';

/**
 * Everything that can be said of an EnvoyGateway configuration, and how bad it is. The README explains
 * each code.
 */
export const levels = {
  'address-differs': 'error',
  'api-version': 'error',
  'clusters-not-sent': 'error',
  'endpoints-not-told': 'error',
  'extension-manager-twice': 'error',
  'fallback-without-listeners': 'error',
  'invalid-yaml': 'error',
  'manager-name': 'error',
  'max-message-size-invalid': 'error',
  'no-extension-manager': 'error',
  'offramp-not-listed': 'error',
  'retry-invalid': 'error',
  'routes-not-sent': 'error',
  'service-target': 'error',
  'service-unreachable': 'error',
  'tls-client-certificate': 'error',
  'tls-missing': 'error',
  'tls-standalone': 'error',
  'tls-unexpected': 'error',
  'translation-missing': 'error',
  'wrong-type': 'error',
  'address-mapped': 'warning',
  'fail-open': 'warning',
  'listeners-not-sent': 'warning',
  'max-message-size-above-offramp': 'warning',
  'max-message-size-small': 'warning',
  'pre-hook': 'warning',
  'resources-unhandled': 'warning',
  'retrigger-not-watched': 'warning',
  'retrigger-unread': 'warning',
  'retry-unhelpful': 'warning',
  'route-policies-unseen': 'warning',
  'secrets-sent': 'warning',
  'unknown-field': 'warning',
  'unknown-hook': 'warning',
  'unused-hook': 'warning',
  'host-deprecated': 'note',
  'manager-ambiguous': 'note',
  'manager-order': 'note',
  'policies-unused': 'note',
  'retrigger-off': 'note',
  'retry-small-only': 'note',
} as const satisfies Record<string, Level>;

/** The stable name of a finding. */
export type FindingCode = keyof typeof levels;

/**
 * How a finding ends in Envoy Gateway. refused: it does not start. fails: every translation ends with
 * an error. waits: every translation waits for a server that never answers.
 */
export type Outcome = 'refused' | 'fails' | 'waits';

/** Something about an EnvoyGateway configuration that Offramp's operator should know. */
export interface Finding {
  readonly level: Level;
  readonly code: FindingCode;
  readonly place: Place;
  /** What is wrong. */
  readonly problem: string;
  /** What an operator would see. */
  readonly consequence: string;
  /** What to do. */
  readonly remedy: string;
  /** The YAML to paste. */
  readonly yaml?: string;
  readonly outcome?: Outcome;
}

/** A finding without what follows from its code. */
export interface FindingText {
  readonly problem: string;
  readonly consequence: string;
  readonly remedy: string;
  readonly yaml?: string;
}

/** A finding at a place; its level is its code's. */
export function finding(code: FindingCode, place: Place, text: FindingText): Finding {
  return { level: levels[code], code, place, ...text };
}

/** A finding whose consequence is that Envoy gets nothing of Offramp's any more. */
export function fatalFinding(
  code: FindingCode,
  place: Place,
  outcome: Outcome,
  text: Omit<FindingText, 'consequence'> & { readonly failOpen?: boolean },
): Finding {
  const { failOpen = false, ...rest } = text;
  const consequence = consequenceOf(outcome, failOpen);
  return { ...finding(code, place, { ...rest, consequence }), outcome };
}

/** A finding for YAML that cannot be read. */
export function unreadable({ place, reason }: UnreadableConfiguration): Finding {
  return finding('invalid-yaml', place, {
    problem: reason,
    consequence: 'Nothing else could be checked.',
    remedy: 'Correct the YAML.',
  });
}

function consequenceOf(outcome: Outcome, failOpen: boolean): string {
  switch (outcome) {
    case 'refused':
      return 'Envoy Gateway does not start with it; one that runs keeps its former configuration and logs the error.';
    case 'fails':
      return failOpen
        ? 'Every hook call ends with an error before it reaches Offramp. With failOpen Envoy gets Envoy Gateway’s own snapshot: nothing is answered, no tunnel is opened.'
        : 'Every translation ends with `failed to translate xds ir` in Envoy Gateway’s log: nothing new reaches Envoy.';
    case 'waits':
      return 'Envoy Gateway waits for the server without end: nothing new reaches Envoy, and failOpen does not help.';
    default:
      return outcome satisfies never;
  }
}
