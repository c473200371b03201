/** The part of `hooks` that Offramp needs: every resource but secrets, at the end of a translation. */
export const recommendedHooks = {
  xdsTranslator: {
    post: ['Translation'],
    translation: {
      listener: { includeAll: true },
      route: { includeAll: true },
      cluster: { includeAll: true },
      secret: { includeAll: false },
    },
  },
} as const;

/** Room for about 30,000 gateways, and not more than Offramp takes. */
export const recommendedMessageSize = '256M';

/** Where Offramp listens by default, as Envoy Gateway has to call it. */
export const defaultService = { fqdn: { hostname: '127.0.0.1', port: 5005 } } as const;

/** An extension manager that gives Offramp everything it needs. */
export const recommendedManager = {
  maxMessageSize: recommendedMessageSize,
  hooks: recommendedHooks,
  service: defaultService,
} as const;
