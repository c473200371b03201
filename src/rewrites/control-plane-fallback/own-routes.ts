import { encodeString } from '../../xds/encoding.ts';
import { hasBytesAt } from '../../xds/text.ts';

/** What each route that the fallback adds is for; the end of its name. */
export const routeRoles = ['settled', 'replay', 'remembered', 'vm'] as const;

/** One of `routeRoles`. */
export type RouteRole = (typeof routeRoles)[number];

const ownName = new RegExp(`/offramp-(?:${routeRoles.join('|')})$`);

/** The name of an added route; `key` is that of the route it was added for. */
export function fallbackRouteName(key: string, role: RouteRole): string {
  return `${key}/offramp-${role}`;
}

/** Whether a route was added by the fallback: in its own output, seen again. */
export function isFallbackRouteName(name: string): boolean {
  return ownName.test(name);
}

const beforeRole = encodeString('/offramp-');
const lengthsOfEndings = routeRoles.map((role) => beforeRole.length + role.length);

/**
 * Whether a name that lies in a message, `from` one offset `to` another, may be such a route’s: false is
 * certain, and spares a string of the name.
 */
export function mayBeFallbackRouteName(message: Uint8Array, from: number, to: number): boolean {
  for (const length of lengthsOfEndings) {
    if (to - length >= from && hasBytesAt(message, to - length, beforeRole)) return true;
  }
  return false;
}

/** A route’s name as a key of ours: what is safe in headers and contexts. */
export function keyOf(routeName: string): string {
  return routeName.replaceAll(/[^A-Za-z0-9._/-]/g, '_');
}
