import { type FieldReader, viewOf } from '../../xds/field-reader.ts';
import { hashName, notAscii } from '../../xds/name-hash.ts';
import type { ForwardingAction } from '../../xds/route.ts';
import type { RouteIdentity } from '../../xds/route-identity.ts';
import { ruleOfRouteName } from '../../xds/rule-of-route-name.ts';
import { decodeString } from '../../xds/text.ts';
import type { Place } from '../../xds/usual-object.ts';
import { UsualRoute } from '../../xds/usual-route.ts';
import { isOwnRoute } from './own-routes.ts';
import type { Forward, SurveyedRoute } from './survey.ts';
import { type Asked, judge } from './verdict.ts';

/** What the routes have in common that are of one rule and forward to one cluster. */
export interface JudgedRule {
  readonly cluster: string;
  readonly identity: RouteIdentity;
  readonly forwards: readonly Forward[];
  readonly plain: ForwardingAction;
  readonly withWebSocket: ForwardingAction;
  /** Whether a connector plays a part in it; undefined until it was noted who uses its cluster. */
  isConcerned: boolean | undefined;
  /** Another whose cluster has the same hash. */
  readonly before: JudgedRule | undefined;
}

/**
 * Reads the routes of a snapshot that look as nearly all do. Those of one rule follow one another under
 * several hosts and paths: what the state says of them is asked once, and no string made of it again.
 */
export class UsualRoutes {
  readonly #asked: Asked;
  readonly #route = new UsualRoute();
  /** By the hash of the cluster, the last of several. */
  readonly #rules = new Map<number, JudgedRule>();

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  /** Reads the route at which a reader of a virtual host stands; undefined when it has to be read in full. */
  read({ message, valueStart, end }: FieldReader, place: number): SurveyedRoute | undefined {
    const route = this.#route;
    if (!route.read(message, valueStart, end)) return undefined;
    const index = ruleOfRouteName(message, route.name.from, route.name.to);
    if (index === undefined) return undefined;
    const rule = this.#ruleOf(message, index);
    if (rule === undefined) return undefined;
    const name = textAt(message, route.name);
    const view = { name, matchesConnect: false, ambiguous: false };
    if (isOwnRoute(view)) return undefined;
    const { identity, forwards, plain, withWebSocket } = rule;
    const action = route.hasWebSocket ? withWebSocket : plain;
    return { place, view, action, identity, forwards, rule };
  }

  #ruleOf(message: Uint8Array, index: number): JudgedRule | undefined {
    const { cluster } = this.#route;
    const hash = hashName(message, cluster.from, cluster.to);
    if (hash === notAscii) return undefined;
    const last = this.#rules.get(hash);
    for (let rule = last; rule !== undefined; rule = rule.before) {
      if (this.#isOf(rule, message, index)) return rule;
    }
    const judged = this.#judge(message, index, last);
    if (judged !== undefined) this.#rules.set(hash, judged);
    return judged;
  }

  /** Whether the route that was read is of a rule, and forwards to its cluster. */
  #isOf({ cluster, identity }: JudgedRule, message: Uint8Array, index: number): boolean {
    const route = this.#route;
    const { kind, namespace, name } = identity.object;
    return (
      identity.rule === index &&
      isText(message, route.cluster, cluster) &&
      isText(message, route.objectName, name) &&
      isText(message, route.namespace, namespace) &&
      isText(message, route.kind, kind)
    );
  }

  /** Undefined when its names are not ASCII, so that bytes do not tell them apart, or there is no kind. */
  #judge(
    message: Uint8Array,
    rule: number,
    before: JudgedRule | undefined,
  ): JudgedRule | undefined {
    const route = this.#route;
    const kind = textAt(message, route.kind);
    const namespace = textAt(message, route.namespace);
    const name = textAt(message, route.objectName);
    if (kind === '' || !isAscii(`${kind}${namespace}${name}`)) return undefined;
    const cluster = textAt(message, route.cluster);
    const identity = { object: { kind, namespace, name }, rule };
    const verdict = judge(cluster, identity, this.#asked);
    const destination = { kind: 'cluster', cluster } as const;
    return {
      cluster,
      identity,
      forwards: [{ cluster, weight: 1, verdict }],
      plain: { destination, mirrors: [], upgrades: [] },
      withWebSocket: { destination, mirrors: [], upgrades: ['websocket'] },
      isConcerned: undefined,
      before,
    };
  }
}

function textAt(message: Uint8Array, { from, to }: Place): string {
  return from === to ? '' : decodeString(viewOf(message, from, to));
}

/** Whether a part of a message is this text, which is ASCII. */
function isText(message: Uint8Array, { from, to }: Place, text: string): boolean {
  if (to - from !== text.length) return false;
  for (let at = 0; at < text.length; at++) {
    if (message[from + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= 0x80) return false;
  return true;
}
