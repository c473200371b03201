import type { ForwardingAction, RouteView } from '../../xds/route.ts';
import { isFallbackRouteName } from '../control-plane-fallback/own-routes.ts';
import { absentCluster } from './messages.ts';

/** What happens to the CONNECT requests of a virtual host. */
export type ConnectRouteKind = 'offline' | 'connect';

/** The name of our CONNECT route in a virtual host; `virtualHost` is its sanitised name. */
export function connectRouteName(kind: ConnectRouteKind, virtualHost: string): string {
  return `connector-${kind}-${virtualHost}`;
}

/** The name of the clone that takes a route's handshakes for one upgrade (`websocket`). */
export function upgradeRouteName(route: string, upgrade: string): string {
  return `${route}/offline-${upgrade.toLowerCase()}`;
}

/** Whether an action is the one by which Offramp has an upgrade answered with 503. */
export function isUpgradeRefusal({ destination }: ForwardingAction): boolean {
  return destination.kind === 'cluster' && destination.cluster === absentCluster;
}

/** Whether a route is one that Offramp put there, for CONNECT or to fall back: its own output, seen again. */
export function isOwnRoute({
  name,
  matchesConnect,
}: Pick<RouteView, 'name' | 'matchesConnect'>): boolean {
  if (isFallbackRouteName(name)) return true;
  return matchesConnect && /^connector-(?:offline|connect)-/.test(name);
}
