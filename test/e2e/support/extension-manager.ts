/** Where Envoy Gateway finds the extension server. */
export type ExtensionServerAddress =
  | { readonly host: string; readonly port: number }
  | { readonly unixSocket: string };

/**
 * The `extensionManager` that Offramp recommends: the Translation hook with clusters, routes and
 * listeners, without secrets.
 */
export function recommendedExtensionManager(
  address: ExtensionServerAddress,
): Readonly<Record<string, unknown>> {
  return {
    hooks: {
      xdsTranslator: {
        post: ['Translation'],
        translation: {
          listener: { includeAll: true },
          route: { includeAll: true },
          cluster: { includeAll: true },
          secret: { includeAll: false },
        },
      },
    },
    service:
      'unixSocket' in address
        ? { unix: { path: address.unixSocket } }
        : { fqdn: { hostname: address.host, port: address.port } },
  };
}
