import { tagOf } from '../../xds/encoding.ts';
import { endOfField, startOfValue } from '../../xds/field-ends.ts';
import { fields } from '../../xds/fields.ts';
import { distinctUpgrades } from './answer-route.ts';
import type { SurveyedRoute } from './surveyed-routes.ts';
import type { UsualHost } from './usual-host.ts';

const { Route } = fields;

const routeName = tagOf(Route.name);
const routeMatch = tagOf(Route.match);
const routeAction = tagOf(Route.route);

/** Where a route of a usual virtual host, which is to be answered, has what becomes another thing. */
export class AnsweredRoute {
  readonly its: SurveyedRoute;
  /** Upgrades whose handshakes are answered by a route of their own. */
  readonly upgrades: readonly string[];
  /** Where its field begins, where it does itself, and where both end. */
  readonly start: number;
  readonly from: number;
  readonly to: number;
  nameStart = -1;
  nameEnd = -1;
  matchStart = -1;
  matchFrom = -1;
  matchEnd = -1;
  actionStart = -1;
  actionEnd = -1;

  constructor(its: SurveyedRoute, host: UsualHost) {
    const { place } = its;
    this.its = its;
    this.upgrades = distinctUpgrades(its.action);
    this.start = host.routeStart(place);
    this.from = host.routeFrom(place);
    this.to = host.routeTo(place);
  }

  /** Finds them. False where the route has not one name, one match and one action that forwards. */
  read(message: Uint8Array): boolean {
    const { to } = this;
    for (let at = this.from; at < to; ) {
      const end = endOfField(message, at, to);
      if (end === -1 || !this.#note(message, at, end)) return false;
      at = end;
    }
    return this.nameStart !== -1 && this.matchStart !== -1 && this.actionStart !== -1;
  }

  #note(message: Uint8Array, at: number, end: number): boolean {
    switch (message[at]) {
      case routeMatch:
        if (this.matchStart !== -1) return false;
        this.matchStart = at;
        this.matchFrom = startOfValue(message, at);
        this.matchEnd = end;
        return true;
      case routeAction:
        if (this.actionStart !== -1) return false;
        this.actionStart = at;
        this.actionEnd = end;
        return true;
      case routeName:
        if (this.nameStart !== -1) return false;
        this.nameStart = at;
        this.nameEnd = end;
        return true;
      default:
        return (message[at] ?? 0) >>> 3 !== Route.route.number; // in another wire type
    }
  }
}
