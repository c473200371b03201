import { encodeField, encodeFieldHead, encodeTextField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import type { ForwardingAction } from '../../xds/route.ts';
import { editFields, hasField } from '../../xds/wire.ts';
import type { RouteConfigurationContext } from './context.ts';
import { absentClusterAction, upgradeHeaderMatcher } from './messages.ts';
import { upgradeRouteName } from './own-routes.ts';
import type { SurveyedRoute } from './survey.ts';

const { Route, RouteMatch } = fields;

/** The routes that take an offline connector's route's place, in order, and what they do. */
export interface Answer {
  readonly routes: readonly Uint8Array[];
  /** Upgrade types (`websocket`) whose handshakes are answered by a route of their own. */
  readonly refusedUpgrades: readonly string[];
  /** Upgrade types for which no such route could be made. */
  readonly unansweredUpgrades: readonly string[];
  /** False when the answer to a CONNECT route has no body, for want of listeners. */
  readonly hasBody: boolean;
}

/** Answers every request of a route whose connector is offline, upgrades included. */
export function answerRoute(
  route: Uint8Array,
  { view, action }: SurveyedRoute,
  context: RouteConfigurationContext,
): Answer {
  if (view.matchesConnect && !context.connectable && !context.validatesClusters) {
    const routes = [
      withAction(route, encodeField(Route.route, absentClusterAction('CONNECT')), context),
    ];
    return { routes, refusedUpgrades: [], unansweredUpgrades: [], hasBody: false };
  }
  const answered = withAction(route, context.offlineAnswer.directResponse, context);
  const upgrades = view.matchesConnect ? [] : distinctUpgrades(action);
  const canAnswer = !context.validatesClusters && hasField(route, Route.match);
  const refused = canAnswer ? upgrades : [];
  return {
    routes: [...refused.map((upgrade) => refuseUpgrade(route, view, upgrade, context)), answered],
    refusedUpgrades: refused,
    unansweredUpgrades: canAnswer ? [] : upgrades,
    hasBody: true,
  };
}

function withAction(
  route: Uint8Array,
  action: Uint8Array,
  { offlineAnswer }: RouteConfigurationContext,
): Uint8Array {
  return editFields(
    route,
    (field) => (field.number === Route.route.number ? [action] : 'keep'),
    offlineAnswer.headers,
  );
}

/** A clone of the route that takes its handshakes for one upgrade, which Envoy answers with 503. */
function refuseUpgrade(
  route: Uint8Array,
  view: SurveyedRoute['view'],
  upgrade: string,
  { offlineAnswer: { headers } }: RouteConfigurationContext,
): Uint8Array {
  const matcher = encodeField(RouteMatch.headers, upgradeHeaderMatcher(upgrade));
  const action = encodeField(Route.route, absentClusterAction(upgrade));
  const name = encodeTextField(Route.name, upgradeRouteName(view.name, upgrade));
  return editFields(
    route,
    (field) => {
      if (field.number === Route.route.number) return [action];
      if (field.number === Route.name.number) return 'drop';
      if (field.number !== Route.match.number) return 'keep';
      const match = field.value();
      return [encodeFieldHead(Route.match, match.length + matcher.length), match, matcher];
    },
    [name, ...headers],
  );
}

/** Upgrades that clients ask for by header; CONNECT is answered by a route of its own. */
function distinctUpgrades({ upgrades }: ForwardingAction): string[] {
  const byType = new Map(upgrades.map((upgrade) => [upgrade.toLowerCase(), upgrade]));
  byType.delete('connect');
  return [...byType.values()];
}
