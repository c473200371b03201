import { isIP } from 'node:net';
import * as z from 'zod';
import { parseGoDuration } from './go-duration.ts';

// Also in the chart's JSON schema, so: no flags, and nothing that Go's regular expressions lack.
const dnsName =
  /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const longestDnsName = 253;
/** Characters of a path that mean themselves: no `%`, so that no two spellings mean one path. */
const segment = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;
const idPlaceholder = '{id}';

const tlsSchema = z
  .strictObject({
    sni: z
      .string()
      .max(longestDnsName)
      .regex(dnsName, { error: 'expected a DNS name' })
      .optional()
      .describe('Name that the control plane’s certificate has to be for, and SNI. Default: host.'),
    caFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File with the CA certificates, where Envoy runs. Default: /etc/ssl/certs/ca-certificates.crt, which Envoy’s images have.',
      ),
  })
  .describe('Given, even as {}: TLS, with the certificate verified.');

const controlPlaneSchema = z
  .strictObject({
    cluster: z
      .string()
      .min(1)
      .optional()
      .describe('A cluster of the snapshot, for instance httproute/default/api/rule/0.'),
    host: z
      .string()
      .max(longestDnsName)
      .refine((host) => isIP(host) !== 0 || dnsName.test(host), {
        error: 'expected a DNS name or an IP address',
      })
      .optional()
      .describe('DNS name or IP address; instead of cluster.'),
    port: z.int().min(1).max(65_535).optional().describe('Port; needed with host.'),
    tls: tlsSchema.optional(),
  })
  .superRefine(({ cluster, host, port, tls }, { addIssue }) => {
    const refuse = (path: string[], message: string) => {
      addIssue({ code: 'custom', path, message });
    };
    if (cluster === undefined && host === undefined) {
      refuse([], 'give cluster, or host and port');
    }
    if (cluster !== undefined) {
      for (const [name, value] of Object.entries({ host, port, tls })) {
        if (value !== undefined) refuse([name], 'there is cluster already; give one of the two');
      }
      return;
    }
    if (host === undefined) return;
    if (port === undefined) refuse([], 'host needs its port');
    if (tls !== undefined && tls.sni === undefined && isIP(host) !== 0) {
      refuse(['tls'], 'host is an IP address: give sni, the name that the certificate is for');
    }
  })
  .describe('Where a gone session’s requests go. Needed as soon as a route is opted in.');

const registryEntrySchema = z.strictObject({
  subresource: z
    .string()
    .regex(segment, { error: 'expected one segment of a path, without slashes' })
    .refine(isNoDotSegment, { error: 'Envoy resolves . and .. in paths' })
    .describe('First segment behind the session, for instance telemetry.'),
  suffix: z
    .string()
    .refine((suffix) => suffix === '' || (suffix.startsWith('/') && areSegments(suffix)), {
      error: 'expected / and a path behind it without a / at its end, for instance /events',
    })
    .describe('The rest of the path, exactly: /events.'),
});

/**
 * What can be said about the fallback of a route, in the configuration and in an OfframpPolicy:
 * every option without its default.
 */
export const fallbackOptions = {
  pathTemplate: z
    .string()
    .superRefine((template, { addIssue }) => {
      const message = findTemplateProblem(template);
      if (message !== undefined) addIssue({ code: 'custom', message });
    })
    .describe(
      'How the path of a session’s request starts. {id}, its last segment, stands for the session; ' +
        'only paths with at least one segment more belong to a session.',
    ),
  registry: z
    .array(registryEntrySchema)
    .min(1)
    .max(64)
    .describe(
      'Which GET requests may fall back: exactly <pathTemplate>/<subresource><suffix>, with any query.',
    ),
  controlPlane: controlPlaneSchema,
  injectedQueryParameter: z
    .string()
    .regex(/^[A-Za-z0-9._~-]+$/, { error: 'expected letters, digits and . _ ~ -' })
    .describe('Query parameter with the VM’s credential. The control plane never gets it.'),
  rememberFor: z
    .string()
    .refine(isRememberable, {
      error: 'expected 1s to 24h in whole seconds, for instance 5m or 90s',
    })
    .describe('How long a session stays known as gone, for instance 5m. 1s to 24h.'),
  bufferLimitBytes: z
    .int()
    .min(16_384)
    .max(16_777_216)
    .describe(
      'How much of a VM’s JSON 404 Envoy holds back, in bytes. One whose body is at most a sixteenth ' +
        'of it is looked into: 64 KiB by default.',
    ),
};

const routeSchema = z.strictObject({
  kind: z.literal('HTTPRoute').default('HTTPRoute').describe('Kind of the route.'),
  namespace: z.string().min(1).default('default').describe('Namespace of the route.'),
  name: z.string().min(1).describe('Name of the route.'),
  rule: z.int().min(0).optional().describe('Index of the rule, from 0; without it, every rule.'),
});

/** `controlPlaneFallback` of the configuration. */
export const controlPlaneFallbackSchema = z
  .strictObject({
    routes: z
      .array(routeSchema)
      .default([])
      .describe(
        'Routes whose backends are VMs. Without one, and without a policy, nothing changes.',
      ),
    pathTemplate: fallbackOptions.pathTemplate.default('/browsers/{id}'),
    registry: fallbackOptions.registry.default([{ subresource: 'telemetry', suffix: '/events' }]),
    controlPlane: fallbackOptions.controlPlane.optional(),
    injectedQueryParameter: fallbackOptions.injectedQueryParameter.default('jwt'),
    rememberFor: fallbackOptions.rememberFor.default('5m'),
    bufferLimitBytes: fallbackOptions.bufferLimitBytes.default(1_048_576),
  })
  .refine(({ routes, controlPlane }) => routes.length === 0 || controlPlane !== undefined, {
    path: ['controlPlane'],
    error: 'needed, because routes are opted in: {cluster: …}, or {host: …, port: …}',
  })
  .prefault({});

/** Why a template is none; undefined when it is one. */
function findTemplateProblem(template: string): string | undefined {
  if (!template.startsWith('/')) return 'expected a path, for instance /browsers/{id}';
  const segments = template.slice(1).split('/');
  const ids = segments.filter((one) => one === idPlaceholder).length;
  if (ids !== 1 || segments.at(-1) !== idPlaceholder) {
    return 'expected {id} exactly once, as the whole last segment: /browsers/{id}';
  }
  if (segments.length === 1) {
    return 'expected a segment in front of {id}: else every path would be a session’s';
  }
  const odd = segments.slice(0, -1).find((one) => !segment.test(one) || !isNoDotSegment(one));
  return odd === undefined ? undefined : `${JSON.stringify(odd)} is no segment of a path`;
}

function areSegments(path: string): boolean {
  return path
    .slice(1)
    .split('/')
    .every((one) => segment.test(one) && isNoDotSegment(one));
}

function isNoDotSegment(text: string): boolean {
  return text !== '.' && text !== '..';
}

function isRememberable(text: string): boolean {
  const seconds = parseGoDuration(text);
  return seconds !== undefined && Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400;
}
