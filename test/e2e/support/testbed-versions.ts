import process from 'node:process';

/** A release of Envoy Gateway, and the Envoy that it is tested with. */
export interface EnvoyGatewayRelease {
  readonly version: string;
  /** Of the minor version that this release was made for. */
  readonly envoy: string;
  /** It looks for its Envoy under this version; any patch release of that minor version serves. */
  readonly envoyWanted: string;
  /** Under which API version a standalone Envoy Gateway reads TCPRoutes. */
  readonly tcpRoute: 'v1' | 'v1alpha2';
}

/** The only place where releases are named. docs/reference/envoy-gateway-versions.md lists them. */
export const RELEASES: readonly EnvoyGatewayRelease[] = [
  { version: '1.9.1', envoy: '1.39.3', envoyWanted: '1.39.1', tcpRoute: 'v1' },
  { version: '1.9.0', envoy: '1.39.3', envoyWanted: '1.39.0', tcpRoute: 'v1' },
  { version: '1.8.3', envoy: '1.38.3', envoyWanted: '1.38.3', tcpRoute: 'v1alpha2' },
  { version: '1.7.0', envoy: '1.37.0', envoyWanted: '1.37.0', tcpRoute: 'v1alpha2' },
];

/** What the end-to-end tests run against; OFFRAMP_TESTBED_ENVOY_GATEWAY=1.7.0 chooses another one. */
export const TESTBED_RELEASE = release(process.env.OFFRAMP_TESTBED_ENVOY_GATEWAY ?? '1.9.0');

/** The older minor version that every run also tries. */
export const OLDER_RELEASE = release('1.8.3');

/** The other programs of the testbed. */
export const TESTBED_VERSIONS = {
  actionlint: '1.7.7',
  /** Whatever Debian has: its archive drops a browser's builds as soon as they are replaced. */
  chromium: 'debian',
  grpcurl: '1.9.4',
  /** Of kube-apiserver and kubectl; their staging modules are 0.<minor>.<patch> of the same release. */
  kubernetes: '1.36.3',
  /** Not older than the one Kubernetes requires: Go would silently build that one instead. */
  etcd: '3.6.8',
  helm: '3.19.0',
  /** Of Debian’s package lua-check. */
  luacheck: '1.1.0-1',
  /** Debian’s packages that luacheck needs. */
  debian: { lua: '5.1.5-9', luaArgparse: '0.7.1-2', luaFilesystem: '1.8.0-3' },
  /** The upstream part of the Debian package's version. */
  prometheus: '2.42.0',
} as const;

function release(version: string): EnvoyGatewayRelease {
  const found = RELEASES.find((known) => known.version === version);
  if (found !== undefined) return found;
  const known = RELEASES.map((one) => one.version).join(', ');
  throw new Error(`testbed: no recipe for Envoy Gateway ${version}; there is one for ${known}`);
}
