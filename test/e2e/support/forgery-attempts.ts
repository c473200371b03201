/** A session whose VM answers, and one that Envoy remembers as gone. */
export interface Sessions {
  readonly live: string;
  readonly gone: string;
}

/** An attempt to have a request served by somebody whom its route would not ask. */
export interface Attempt {
  readonly what: string;
  /** Request line without the version, then header lines; without Host `any.test`. */
  readonly lines: (sessions: Sessions) => readonly string[];
  /** Status, then who was asked, in their order. `401` alone is the control plane’s closed door. */
  readonly outcome: string;
}

/** Made of the name of the route that is opted in, which a forger may know. */
const key = 'httproute/default/vm/rule/0/match/0/_';
const secret = '%3Apath=%2Fsecret&%3Aauthority=any.test&%3Ascheme=http';
const events = (id: string) => `GET /browsers/${id}/telemetry/events`;
const isGone = 'x-answer: {"status":404}';
const mayPass = 'x-api-key: open';
const upgrade = ['upgrade: websocket', 'connection: upgrade'];

/** The answer of a VM that would like to have the request go somewhere else. */
const answer = (status: number, headers: Readonly<Record<string, string>>, body = '{}') =>
  `x-answer: ${JSON.stringify({ status, headers, body })}`;
const forged = { 'x-offramp-control-plane': key, 'x-offramp-original': secret };

const clientHeaders: readonly Attempt[] = [
  ['x-offramp-control-plane of the route', [`x-offramp-control-plane: ${key}`]],
  ['both control headers', Object.entries(forged).map(([name, value]) => `${name}: ${value}`)],
  ['them in another case', [`X-Offramp-Control-Plane: ${key}`, `X-OFFRAMP-ORIGINAL: ${secret}`]],
  ['them with underscores', [`x_offramp_control_plane: ${key}`, `x_offramp_original: ${secret}`]],
  ['them named in Connection', [`x-offramp-original: ${secret}`, 'connection: x-offramp-original']],
  ['x-envoy-internal', ['x-envoy-internal: true', `x-offramp-control-plane: ${key}`]],
  ['x-envoy-original-path', ['x-envoy-original-path: /secret', 'x-envoy-original-host: other']],
  ['x-original-url, x-rewrite-url', ['x-original-url: /secret', 'x-rewrite-url: /secret']],
  ['num_internal_redirects', ['num_internal_redirects: 1', `x-offramp-control-plane: ${key}`]],
  ['x-forwarded-host and -proto', ['x-forwarded-host: other', 'x-forwarded-proto: https']],
].map(([what, headers]) => ({
  what: `a client’s ${what}`,
  lines: ({ live }) => [events(live), ...(headers as string[])],
  // Envoy Gateway has Envoy refuse names with underscores.
  outcome: (headers as string[]).some((header) => /^\w*_/.test(header)) ? '400' : '200 vm',
}));

const clientsThatFallBack: readonly Attempt[] = [
  {
    what: 'control headers on a request that falls back, without credentials',
    lines: ({ live }) => [
      events(live),
      isGone,
      ...Object.entries(forged).map(([name, value]) => `${name}: ${value}`),
    ],
    outcome: '401 vm',
  },
  {
    what: 'control headers on a request that falls back',
    lines: ({ live }) => [
      events(live),
      isGone,
      mayPass,
      ...Object.entries(forged).map(([name, value]) => `${name}: ${value}`),
    ],
    outcome: '200 vm control-plane',
  },
  {
    what: 'Envoy’s retry headers, for each status',
    lines: ({ live }) => [
      events(live),
      isGone,
      mayPass,
      'x-envoy-retry-on: retriable-status-codes,4xx',
      'x-envoy-retriable-status-codes: 303,404',
      'x-envoy-max-retries: 5',
    ],
    outcome: '200 vm control-plane',
  },
  ...['x-http-method-override', 'x-http-method', 'x-method-override'].map((name) => ({
    what: `${name}: GET on a POST`,
    lines: ({ live }: Sessions) => [
      `POST /browsers/${live}/telemetry/events`,
      isGone,
      mayPass,
      `${name}: GET`,
      'content-length: 0',
    ],
    outcome: '404 vm',
  })),
  {
    what: 'an upgrade of a GET that would fall back',
    lines: ({ live }) => [events(live), mayPass, ...upgrade],
    outcome: '404 vm',
  },
  {
    what: 'an upgrade on a remembered session, without credentials',
    lines: ({ gone }) => [`GET /browsers/${gone}/x`, ...upgrade],
    outcome: '401',
  },
];

const vmAnswers: readonly Attempt[] = [
  ...[301, 302, 303, 307, 308].map((status) => ({
    what: `a VM’s ${status} to /secret with control headers`,
    lines: ({ live }: Sessions) => [
      events(live),
      mayPass,
      answer(status, { ...forged, location: 'http://any.test/secret' }),
    ],
    outcome: `${status} vm`,
  })),
  ...[200, 404, 500].map((status) => ({
    what: `a VM’s ${status} with control headers and a location`,
    lines: ({ live }: Sessions) => [
      events(live),
      mayPass,
      answer(status, { ...forged, location: '/secret', 'content-type': 'application/json' }),
    ],
    outcome: `${status} vm`,
  })),
  {
    what: 'a VM’s browser_gone with control headers and a location of its own',
    lines: ({ live }) => [
      events(live),
      mayPass,
      answer(
        404,
        { ...forged, location: 'http://any.test/secret', 'content-type': 'application/json' },
        '{"code":"browser_gone"}',
      ),
    ],
    outcome: '200 vm control-plane',
  },
];

const paths: readonly (readonly [string, (sessions: Sessions) => string, string])[] = [
  ['// in front of a remembered id', ({ gone }) => `/browsers//${gone}/x`, '401'],
  [
    '.. out of a remembered session',
    ({ gone, live }) => `/browsers/${gone}/../${live}/x`,
    '200 vm',
  ],
  ['.. into a remembered session', ({ gone, live }) => `/browsers/${live}/../${gone}/x`, '401'],
  ['%2e%2e out of one', ({ gone, live }) => `/browsers/${gone}/%2e%2e/${live}/x`, '200 vm'],
  ['..;/ out of one', ({ gone, live }) => `/browsers/${gone}/..;/${live}/x`, '200 vm'],
  ['%2F behind its id', ({ gone }) => `/browsers/${gone}%2Fx`, '307'],
  ['%5C behind its id', ({ gone }) => `/browsers/${gone}%5Cx`, '307'],
  ['a parameter behind its id', ({ gone }) => `/browsers/${gone};v=1/x`, '200 vm'],
  ['its id in another case', ({ gone }) => `/browsers/${gone.toUpperCase()}/x`, '200 vm'],
  ['its id, encoded', ({ gone }) => `/browsers/%${hex(gone)}${gone.slice(1)}/x`, '401'],
  ['its id with %00 behind', ({ gone }) => `/browsers/${gone}%00/x`, '400'],
  ['its id in a query', ({ gone, live }) => `/browsers/${live}/x?/browsers/${gone}/x`, '200 vm'],
  ['its id without a segment behind', ({ gone }) => `/browsers/${gone}?/x`, '200 vm'],
  ['a fragment', ({ gone, live }) => `/browsers/${live}/x#/browsers/${gone}/x`, '400'],
  ['an absolute form', ({ gone }) => `http://any.test/browsers/${gone}/x`, '401'],
  ['of another host', ({ gone }) => `http://other.test/browsers/${gone}/x`, '401'],
  ['a path that is none', ({ gone }) => `browsers/${gone}/x`, '400'],
];

/** What the router cannot make a URL of, it does not follow: the VM’s 404 stays. */
const hosts: readonly (readonly [string, string])[] = [
  ['any.test/secret?', '400'],
  ['any.test/secret#', '400'],
  ['any test', '400'],
  ['', '404 vm'],
  ['any.test:99999', '404 vm'],
  ['user@any.test', '200 vm control-plane'],
];

const requestForms: readonly Attempt[] = [
  ...paths.map(([what, path, outcome]) => ({
    what,
    lines: (sessions: Sessions) => [`GET ${path(sessions)}`],
    outcome,
  })),
  ...hosts.map(([host, outcome]) => ({
    what: `Host: ${host} on a request that falls back`,
    lines: ({ live }: Sessions) => [events(live), isGone, mayPass, `host: ${host}`],
    outcome,
  })),
  {
    what: 'two Host headers',
    lines: ({ live }) => [events(live), isGone, mayPass, 'host: any.test', 'host: other.test'],
    outcome: '404 vm',
  },
  {
    what: 'a header called :path',
    lines: ({ live }) => [events(live), ':path: /secret'],
    outcome: '400',
  },
  {
    what: 'a line break in a header',
    lines: ({ live }) => [events(live), `x-a: b\nx-offramp-control-plane: ${key}`],
    outcome: '200 vm',
  },
  {
    what: 'content-length beside transfer-encoding',
    lines: ({ live }) => [events(live), 'content-length: 5', 'transfer-encoding: chunked'],
    outcome: '400',
  },
];

/** Every attempt that is tried on a live connection. */
export const attempts: readonly Attempt[] = [
  ...clientHeaders,
  ...clientsThatFallBack,
  ...vmAnswers,
  ...requestForms,
];

function hex(text: string): string {
  return text.charCodeAt(0).toString(16);
}
