import { routeTraits } from '../../xds/action-scan.ts';
import { Column } from '../../xds/column.ts';
import type { FieldReader } from '../../xds/field-reader.ts';
import { namesAt } from '../../xds/gateway-metadata.ts';
import { hashObject, hashRule, hashWords } from '../../xds/name-hash.ts';
import { webSocket } from '../../xds/route.ts';
import { ruleOfRouteName } from '../../xds/rule-of-route-name.ts';
import { type Span, textAt } from '../../xds/span.ts';
import { textOf } from '../../xds/text.ts';
import { UsualRoute } from '../../xds/usual-route.ts';
import { wordsOf } from '../../xds/words.ts';
import { mayBeFallbackRouteName } from '../control-plane-fallback/own-routes.ts';
import type { JudgedRule, SurveyedRoute } from './surveyed-routes.ts';
import { type Asked, judge } from './verdict.ts';

/**
 * Reads the routes of a snapshot that look as nearly all do. Most rules have several, one for each host
 * and path: what the state says of them is asked once, and the strings for it are made once.
 */
export class UsualRoutes {
  readonly #asked: Asked;
  readonly #route = new UsualRoute();
  /** The hash of the cluster of the route that was read. */
  readonly #clusters = new Column();
  /** The message that routes are read from, and its words. */
  #message: Uint8Array = nothing;
  #words = wordsOf(nothing);
  /** The names by which a route is told to be of the same rule as another. */
  readonly #names: readonly Span[];
  /** Where these are in the first route of each rule: from, to. */
  readonly #spans = new Column();
  /** By the hash of rule and cluster, the last of several. */
  readonly #rules = new Map<number, JudgedRule>();

  constructor(asked: Asked) {
    this.#asked = asked;
    const { cluster, object } = this.#route;
    this.#names = [cluster, object.name, object.namespace, object.kind];
  }

  /** Reads the route at which a reader of a virtual host stands; undefined when it has to be read in full. */
  read({ message, valueStart, end }: FieldReader, place: number): SurveyedRoute | undefined {
    const route = this.#route;
    if (!this.#readRoute(message, valueStart, end)) return undefined;
    const { from, to } = route.name;
    if (mayBeFallbackRouteName(message, from, to)) return undefined;
    const index = ruleOfRouteName(message, from, to);
    const rule = index === undefined ? undefined : this.#ruleOf(message, index);
    if (rule === undefined) return undefined;
    const view = new UsualView(message, from, to);
    const action = route.hasWebSocket ? rule.webSocketAction : rule.action;
    return { place, view, action, identity: rule.identity, forwards: rule.forwards, rule };
  }

  /** Whether it looks as nearly all do, and forwards to one cluster. */
  #readRoute(message: Uint8Array, from: number, to: number): boolean {
    if (message !== this.#message) {
      this.#message = message;
      this.#words = wordsOf(message);
    }
    this.#clusters.truncate(0);
    const route = this.#route;
    return (
      route.read(this.#words, from, to, this.#clusters) &&
      (route.traits & routeTraits.weighted) === 0
    );
  }

  #ruleOf(message: Uint8Array, index: number): JudgedRule | undefined {
    const { name } = this.#route.object;
    const ofObject = hashWords(this.#words, name.from, name.to);
    const hash = hashRule(hashObject(this.#clusters.at(0), ofObject), index);
    const last = this.#rules.get(hash);
    let others = 0;
    for (let rule = last; rule !== undefined; rule = rule.before) {
      if (this.#isOf(rule, message, index)) return rule;
      others++;
      if (others === mostOfOneHash) return undefined;
    }
    const judged = this.#judge(message, index, last);
    if (judged !== undefined) this.#rules.set(hash, judged);
    return judged;
  }

  /** Whether the route that was read is of a rule, and forwards to its cluster. */
  #isOf(rule: JudgedRule, message: Uint8Array, index: number): boolean {
    if (rule.identity.rule !== index) return false;
    let at = rule.firstSpan;
    for (const name of this.#names) {
      if (!this.#isNameAt(at, rule.message, message, name)) return false;
      at += 2;
    }
    return true;
  }

  /** Whether a name of a first route, at one of `#spans`, is the same as one in another message. */
  #isNameAt(at: number, first: Uint8Array, message: Uint8Array, { from, to }: Span): boolean {
    const shift = this.#spans.at(at) - from;
    if (this.#spans.at(at + 1) - to !== shift) return false;
    for (let here = from; here < to; here++)
      if (message[here] !== first[here + shift]) return false;
    return true;
  }

  /** Undefined when its metadata does not say the kind of its object: then its name does. */
  #judge(
    message: Uint8Array,
    rule: number,
    before: JudgedRule | undefined,
  ): JudgedRule | undefined {
    const { object, cluster: named } = this.#route;
    if (object.kind.isEmpty) return undefined;
    const identity = { object: namesAt(message, object), rule };
    const cluster = textAt(message, named);
    const verdict = judge(cluster, identity, this.#asked);
    const destination = { kind: 'cluster', cluster } as const;
    const firstSpan = this.#spans.length;
    for (const { from, to } of this.#names) {
      this.#spans.push(from);
      this.#spans.push(to);
    }
    return {
      identity,
      forwards: [{ cluster, weight: 1, verdict }],
      action: { destination, mirrors: none, upgrades: none },
      webSocketAction: { destination, mirrors: none, upgrades: webSocketAlone },
      message,
      firstSpan,
      before,
      isConcerned: undefined,
    };
  }
}

/** Names can be chosen so that hashes meet; all others of that hash are read in full. */
const mostOfOneHash = 8;

const nothing = new Uint8Array();
const none: readonly string[] = [];
const webSocketAlone: readonly string[] = [webSocket];

/** What is read of a usual route in full; the string of its name is made when somebody asks for it. */
class UsualView {
  readonly matchesConnect = false;
  readonly ambiguous = false;
  readonly #message: Uint8Array;
  readonly #from: number;
  readonly #to: number;
  #name: string | undefined;

  constructor(message: Uint8Array, from: number, to: number) {
    this.#message = message;
    this.#from = from;
    this.#to = to;
  }

  get name(): string {
    this.#name ??= textOf(this.#message, this.#from, this.#to);
    return this.#name;
  }
}
