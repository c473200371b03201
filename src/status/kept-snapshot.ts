import type { Summary } from '../observe/summary.ts';
import type { Effect, Place, SkipReason } from '../rewrites/report.ts';
import type { HookResult } from '../server/answer-snapshot.ts';
import type { HookCall } from '../server/hook.ts';
import { MalformedMessageError } from '../xds/malformed.ts';

/** What was done or left in one place of a snapshot, a virtual host mostly. */
export interface KeptPlace {
  readonly kind: Place['kind'];
  readonly resource: string;
  readonly virtualHost?: string;
  readonly changes: readonly KeptChange[];
  readonly skips: readonly KeptSkip[];
}

/** One thing that was done; the texts may be cut. */
export interface KeptChange {
  readonly effect: Effect;
  readonly route?: string;
  readonly connectors: readonly string[];
  readonly detail: string;
}

/** One thing that was left as it came, and why; the texts may be cut. */
export interface KeptSkip {
  readonly reason: SkipReason;
  readonly route?: string;
  readonly detail: string;
}

/** What is kept of one hook call: nothing of the request but names. */
export interface KeptSnapshot {
  /** From 1, in the order of the calls. */
  readonly id: number;
  /** When it was answered, in milliseconds since 1970. */
  readonly at: number;
  readonly caller: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly outcome: 'answered' | 'refused' | 'failed';
  /** Why it was refused, or failed. */
  readonly reason?: string;
  readonly gateways: readonly string[];
  /** How many there are besides these, of those that were looked for. */
  readonly moreGateways: number;
  readonly summary?: Summary;
  /** How often each effect and each reason is in the report, what is left out included. */
  readonly effects: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly places: readonly KeptPlace[];
  /** Changes and skips that are not in `places`. */
  readonly leftOut: { readonly changes: number; readonly skips: number };
}

/** Of each sort, so that many changes do not hide the skips. */
export const maxLinesOfSort = 500;
const maxGatewaysNamed = 20;
const maxConnectorsNamed = 10;
const maxText = 300;

/** Says of which call and snapshot something is kept. */
export interface Kept {
  readonly id: number;
  readonly at: number;
  readonly call: HookCall;
}

/** What is kept of a call that was answered. */
export function keepAnswered(
  { id, at, call }: Kept,
  { report, summary }: Pick<HookResult, 'report' | 'summary'>,
  gateways: readonly string[],
): KeptSnapshot {
  const { changes, skips } = report;
  const places = new PlaceGroups();
  for (const { place, effect, connectors, detail } of changes.slice(0, maxLinesOfSort)) {
    const named = connectors.slice(0, maxConnectorsNamed).map(cut);
    places
      .at(place)
      .changes.push({ effect, ...routeOf(place), connectors: named, detail: cut(detail) });
  }
  for (const { place, reason, detail } of skips.slice(0, maxLinesOfSort)) {
    places.at(place).skips.push({ reason, ...routeOf(place), detail: cut(detail) });
  }
  return {
    ...{ id, at, ...whoAsked(call), outcome: 'answered', summary },
    gateways: gateways.slice(0, maxGatewaysNamed).map(cut),
    moreGateways: Math.max(0, gateways.length - maxGatewaysNamed),
    effects: countBy(changes.map(({ effect }) => effect)),
    reasons: countBy(skips.map(({ reason }) => reason)),
    places: places.all(),
    leftOut: {
      changes: Math.max(0, changes.length - maxLinesOfSort),
      skips: Math.max(0, skips.length - maxLinesOfSort),
    },
  };
}

/** What is kept of a call that was not answered. */
export function keepFailed({ id, at, call }: Kept, error: unknown): KeptSnapshot {
  const malformed = error instanceof MalformedMessageError;
  return {
    ...{ id, at, ...whoAsked(call) },
    outcome: malformed ? 'refused' : 'failed',
    // The text of another error is nobody's business but the log's: it could be anything.
    reason: malformed ? cut(error.message) : 'unexpected exception; the log has it',
    ...{ gateways: [], moreGateways: 0, effects: {}, reasons: {}, places: [] },
    leftOut: { changes: 0, skips: 0 },
  };
}

/** How many lines its report takes. */
export function countLines({ places }: KeptSnapshot): number {
  return places.reduce((sum, { changes, skips }) => sum + changes.length + skips.length, 0);
}

/** The same without the lines of its report. */
export function withoutLines(kept: KeptSnapshot): KeptSnapshot {
  const changes = kept.places.reduce((sum, place) => sum + place.changes.length, 0);
  const skips = countLines(kept) - changes;
  const leftOut = { changes: kept.leftOut.changes + changes, skips: kept.leftOut.skips + skips };
  return { ...kept, places: [], leftOut };
}

interface OpenPlace extends KeptPlace {
  readonly changes: KeptChange[];
  readonly skips: KeptSkip[];
}

class PlaceGroups {
  readonly #groups = new Map<string, OpenPlace>();

  at({ kind, resource, virtualHost }: Place): OpenPlace {
    const key = JSON.stringify([kind, resource, virtualHost]);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const host = virtualHost === undefined ? {} : { virtualHost: cut(virtualHost) };
    const place = { kind, resource: cut(resource), ...host, changes: [], skips: [] };
    this.#groups.set(key, place);
    return place;
  }

  all(): readonly KeptPlace[] {
    return [...this.#groups.values()];
  }
}

function whoAsked({ caller, seconds, bytes }: HookCall): HookCall {
  return { caller: cut(caller), seconds, bytes };
}

function routeOf({ route }: Place): { readonly route?: string } {
  return route === undefined ? {} : { route: cut(route) };
}

/** A slice of a string would keep the whole of it in memory. */
function cut(text: string): string {
  return text.length <= maxText ? text : Buffer.from(`${text.slice(0, maxText)}…`).toString();
}

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
