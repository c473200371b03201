import { encodeField, encodeFieldHead, encodeTextField } from '../../xds/encoding.ts';
import type { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import type { ForwardingAction } from '../../xds/route.ts';
import { editFields, type FieldEdit, hasField } from '../../xds/wire.ts';
import type { RouteConfigurationContext } from './context.ts';
import { absentClusterAction, upgradeHeaderMatcher } from './messages.ts';
import { upgradeRouteName } from './own-routes.ts';
import type { SurveyedRoute } from './surveyed-routes.ts';

const { Route, RouteMatch } = fields;

/** The routes that take an offline connector's route's place, in order, and what they do. */
export interface Answer extends AnswerGiven {
  readonly routes: readonly Uint8Array[];
}

/** How the requests of an offline connector's route are answered. */
export interface AnswerGiven {
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
  const routes: Uint8Array[] = [];
  for (const upgrade of refused) routes.push(refuseUpgrade(route, view, upgrade, context));
  routes.push(answered);
  return {
    routes,
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
  return editFields(route, putAction, offlineAnswer.headers, [action]);
}

function putAction(field: FieldReader, action: readonly Uint8Array[]): FieldEdit {
  return field.number === Route.route.number ? action : 'keep';
}

/** A clone of the route that takes its handshakes for one upgrade, which Envoy answers with 503. */
function refuseUpgrade(
  route: Uint8Array,
  view: SurveyedRoute['view'],
  upgrade: string,
  { offlineAnswer: { headers } }: RouteConfigurationContext,
): Uint8Array {
  const matcher = encodeField(RouteMatch.headers, upgradeHeaderMatcher(upgrade));
  const action = [encodeField(Route.route, absentClusterAction(upgrade))];
  const name = encodeTextField(Route.name, upgradeRouteName(view.name, upgrade));
  return editFields(route, refuse, [name, ...headers], { action, matcher });
}

interface Refusal {
  readonly action: readonly Uint8Array[];
  /** Goes into the match of the route. */
  readonly matcher: Uint8Array;
}

function refuse(field: FieldReader, { action, matcher }: Refusal): FieldEdit {
  if (field.number === Route.name.number) return 'drop';
  if (field.number !== Route.match.number) return putAction(field, action);
  const match = field.value();
  return [encodeFieldHead(Route.match, match.length + matcher.length), match, matcher];
}

/** Upgrades that clients ask for by header; CONNECT is answered by a route of its own. */
export function distinctUpgrades({ upgrades }: ForwardingAction): readonly string[] {
  const [first, second] = upgrades;
  if (first === undefined) return upgrades;
  if (second === undefined && first.toLowerCase() !== 'connect') return upgrades;
  const byType = new Map<string, string>();
  for (const upgrade of upgrades) byType.set(upgrade.toLowerCase(), upgrade);
  byType.delete('connect');
  return [...byType.values()];
}
