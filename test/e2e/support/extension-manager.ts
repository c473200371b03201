/** Where Envoy Gateway finds the extension server. */
export type ExtensionServerAddress =
  | { readonly host: string; readonly port: number }
  | { readonly unixSocket: string };

/**
 * The `extensionManager` that Offramp recommends: the Translation hook with clusters, routes and
 * listeners, without secrets. `post`: the hooks, for what needs others too.
 */
export function recommendedExtensionManager(
  address: ExtensionServerAddress,
  post: readonly string[] = ['Translation'],
): Readonly<Record<string, unknown>> {
  return {
    hooks: {
      xdsTranslator: {
        post,
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
