import type { Path } from '../config/yaml-places.ts';
import type { ExtensionService } from './schema.ts';

/** Where Envoy Gateway calls an extension server. */
export type Target =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly path: Path }
  | { readonly kind: 'unix'; readonly socket: string; readonly path: Path };

/** Every target that a service names; Envoy Gateway wants one. `path` starts below the service. */
export function targetsOf(service: ExtensionService | null | undefined): Target[] {
  if (!service) return [];
  const { fqdn, ip, unix, hostname, host, port } = service;
  const tcp = (path: Path, name?: string | null, number?: number | null): Target => ({
    kind: 'tcp',
    host: name || 'localhost', // Go dials this machine when there is no host
    port: number ?? 0,
    path,
  });
  return [
    ...(fqdn ? [tcp(['fqdn'], fqdn.hostname, fqdn.port)] : []),
    ...(ip ? [tcp(['ip'], ip.address, ip.port)] : []),
    ...(unix ? [{ kind: 'unix', socket: unix.path ?? '', path: ['unix'] } as const] : []),
    // `hostname` alone is no target, and has precedence over `host` when both are there.
    ...(host ? [tcp([hostname ? 'hostname' : 'host'], hostname || host, port)] : []),
  ];
}

/** A target as people write it: host:port, or unix:path. */
export function targetText(target: Target): string {
  if (target.kind === 'unix') return `unix:${target.socket}`;
  const { host, port } = target;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
