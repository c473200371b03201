/** The releases that the end-to-end tests run against: the only place where they are named. */
export const TESTBED_VERSIONS = {
  envoyGateway: '1.9.0',
  envoy: '1.39.3',
  /** Envoy Gateway 1.9.0 looks for its Envoy under this version; any 1.39 patch release serves. */
  envoyWantedByEnvoyGateway: '1.39.0',
  grpcurl: '1.9.4',
  /** Of kube-apiserver and kubectl; their staging modules are 0.<minor>.<patch> of the same release. */
  kubernetes: '1.36.3',
  /** Not older than the one Kubernetes requires: Go would silently build that one instead. */
  etcd: '3.6.8',
  helm: '3.19.0',
} as const;
