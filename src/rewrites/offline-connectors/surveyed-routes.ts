import type { ForwardingAction, RouteView } from '../../xds/route.ts';
import type { RouteIdentity } from '../../xds/route-identity.ts';
import type { Verdict } from './verdict.ts';

/** The virtual hosts of a route configuration that may change, in their order. */
export type SurveyedConfiguration = readonly SurveyedHost[];

/** The routes of a virtual host that may change, in their order. */
export interface SurveyedHost {
  /** Its place among the virtual hosts of its route configuration. */
  readonly place: number;
  readonly routes: readonly SurveyedRoute[];
}

/** A route that forwards, as it was read. */
export interface SurveyedRoute {
  /** Its place among the routes of its virtual host. */
  readonly place: number;
  readonly view: Omit<RouteView, 'action'>;
  readonly action: ForwardingAction;
  readonly identity: RouteIdentity | undefined;
  readonly forwards: readonly Forward[];
  /** What it shares with others of its rule; undefined when it was read in full. */
  readonly rule: JudgedRule | undefined;
}

/** A cluster that a route forwards to, with its share and what the state says of it. */
export interface Forward {
  readonly cluster: string;
  readonly weight: number;
  readonly verdict: Verdict;
}

/** What the usual routes have in common that are of one rule and forward to one cluster. */
export interface JudgedRule {
  readonly identity: RouteIdentity;
  readonly forwards: readonly Forward[];
  readonly action: ForwardingAction;
  /** The same with WebSocket switched on. */
  readonly webSocketAction: ForwardingAction;
  /** The message of its first route, and from which on `UsualRoutes` has noted where its names are there. */
  readonly message: Uint8Array;
  readonly firstSpan: number;
  /** Another with the same hash. */
  readonly before: JudgedRule | undefined;
  /** Whether a connector plays a part in it; undefined until it was noted who uses its cluster. */
  isConcerned: boolean | undefined;
}
