import * as z from 'zod';

// Envoy Gateway 1.9.0's own names and types. It reads null as absent, ignores a field that it does not
// know, and refuses a value of another type.

const text = z.string().nullish();
const port = z.int32().nullish();

const groupVersionKinds = z
  .array(z.strictObject({ group: text, version: text, kind: text }))
  .nullish();

const resourceType = z.strictObject({ includeAll: z.boolean().nullish() }).nullish();

const hooks = z.strictObject({
  xdsTranslator: z
    .strictObject({
      pre: z.array(z.string()).nullish(),
      post: z.array(z.string()).nullish(),
      translation: z
        .strictObject({
          listener: resourceType,
          route: resourceType,
          cluster: resourceType,
          secret: resourceType,
        })
        .nullish(),
    })
    .nullish(),
});

const secretReference = z
  .strictObject({ group: text, kind: text, name: text, namespace: text })
  .nullish();

const retry = z.strictObject({
  maxAttempts: z.int().nullish(),
  initialBackoff: text,
  maxBackoff: text,
  backoffMultiplier: z
    .strictObject({ numerator: z.int32().nullish(), denominator: z.int32().nullish() })
    .nullish(),
  // Capital R, unlike its siblings: in lower case it is ignored.
  RetryableStatusCodes: z.array(z.string()).nullish(),
});

const service = z.strictObject({
  fqdn: z.strictObject({ hostname: text, port }).nullish(),
  ip: z.strictObject({ address: text, port }).nullish(),
  unix: z.strictObject({ path: text }).nullish(),
  hostname: text,
  zone: text,
  host: text,
  port,
  tls: z
    .strictObject({ certificateRef: secretReference, clientCertificateRef: secretReference })
    .nullish(),
  retry: retry.nullish(),
});

/** One extension manager, as Envoy Gateway decodes it. */
export const extensionManagerSchema = z.strictObject({
  name: text,
  resources: groupVersionKinds,
  policyResources: groupVersionKinds,
  backendResources: groupVersionKinds,
  hooks: hooks.nullish(),
  service: service.nullish(),
  failOpen: z.boolean().nullish(),
  // A Kubernetes quantity has a grammar of its own: message-size.ts.
  maxMessageSize: z.unknown().optional(),
});

/** One extension manager. */
export type ExtensionManager = z.output<typeof extensionManagerSchema>;
/** Where and how Envoy Gateway calls an extension server. */
export type ExtensionService = z.output<typeof service>;
/** When Envoy Gateway calls an extension server again. */
export type ExtensionRetry = z.output<typeof retry>;
