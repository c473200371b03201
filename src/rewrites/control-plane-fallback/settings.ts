import { parseGoDuration } from '../../config/go-duration.ts';

/** A control plane: a cluster that another route forwards to, or an address. */
export interface ControlPlane {
  readonly cluster?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Given: TLS, verified for `sni` (else the host) by the CAs of `caFile` (else those of Envoy’s image). */
  readonly tls?:
    | { readonly sni?: string | undefined; readonly caFile?: string | undefined }
    | undefined;
}

/** What can be different from route to route; see `controlPlaneFallback` of the configuration. */
export interface FallbackOptions {
  readonly pathTemplate: string;
  readonly registry: readonly { readonly subresource: string; readonly suffix: string }[];
  readonly controlPlane?: ControlPlane | undefined;
  readonly injectedQueryParameter: string;
  readonly rememberFor: string;
  readonly bufferLimitBytes: number;
}

/** A route whose backends are VMs: every rule of it, or one. */
export interface VmRouteName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule?: number | undefined;
}

/** What an operator decides about the fallback: the routes, and what holds for all of them. */
export interface ControlPlaneFallbackSettings extends FallbackOptions {
  readonly routes: readonly VmRouteName[];
}

/** Where Envoy keeps the sessions that are gone: in memory, and shared by its workers. */
export const memoryFolder = '/dev/shm';

/** The literal start of a session’s path, up to its id: `/browsers/`. */
export function pathBeforeId({ pathTemplate }: FallbackOptions): string {
  return pathTemplate.slice(0, pathTemplate.lastIndexOf('{id}'));
}

/** RE2: every path of a session, and nothing that only looks like one (`/browsers/events`). */
export function sessionPathRegex(options: FallbackOptions): string {
  return `${quoteRegex(pathBeforeId(options))}[^/?]+/.*`;
}

/** RE2: the paths, with any query, whose GET requests may fall back. */
export function registryRegex(options: FallbackOptions): string {
  const paths = options.registry.map(
    ({ subresource, suffix }) => `/${quoteRegex(subresource + suffix)}`,
  );
  return `${quoteRegex(pathBeforeId(options))}[^/?]+(?:${paths.join('|')})(\\?.*)?`;
}

/** How long a session stays remembered, in whole seconds. */
export function rememberSeconds({ rememberFor }: FallbackOptions): number {
  return Math.round(parseGoDuration(rememberFor) ?? 0);
}

function quoteRegex(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
