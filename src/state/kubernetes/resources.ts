/** A kind of object, by what the Kubernetes API calls it. */
export interface Resource {
  readonly kind: string;
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

const datum = 'networking.datumapis.com';
const gatewayApi = 'gateway.networking.k8s.io';

export const httpProxies: Resource = {
  kind: 'HTTPProxy',
  group: datum,
  version: 'v1alpha',
  plural: 'httpproxies',
};

export const connectors: Resource = {
  kind: 'Connector',
  group: datum,
  version: 'v1alpha1',
  plural: 'connectors',
};

export const namespaces: Resource = {
  kind: 'Namespace',
  group: '',
  version: 'v1',
  plural: 'namespaces',
};

export const httpRoutes: Resource = {
  kind: 'HTTPRoute',
  group: gatewayApi,
  version: 'v1',
  plural: 'httproutes',
};

export const gateways: Resource = {
  kind: 'Gateway',
  group: gatewayApi,
  version: 'v1',
  plural: 'gateways',
};

export const grpcRoutes: Resource = {
  kind: 'GRPCRoute',
  group: gatewayApi,
  version: 'v1',
  plural: 'grpcroutes',
};

export const referenceGrants: Resource = {
  kind: 'ReferenceGrant',
  group: gatewayApi,
  version: 'v1beta1',
  plural: 'referencegrants',
};

export const services: Resource = { kind: 'Service', group: '', version: 'v1', plural: 'services' };

export const endpointSlices: Resource = {
  kind: 'EndpointSlice',
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
};

export const backends: Resource = {
  kind: 'Backend',
  group: 'gateway.envoyproxy.io',
  version: 'v1alpha1',
  plural: 'backends',
};

export const serviceImports: Resource = {
  kind: 'ServiceImport',
  group: 'multicluster.x-k8s.io',
  version: 'v1alpha1',
  plural: 'serviceimports',
};

/** The path of a kind's objects, in one namespace or all, or of one object. */
export function resourcePath(
  { group, version, plural }: Resource,
  namespace?: string,
  name?: string,
): string {
  const api = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${api}${within}/${plural}${object}`;
}

/** How people and RBAC name it: `connectors.networking.datumapis.com`. */
export function resourceName({ group, plural }: Resource): string {
  return group === '' ? plural : `${plural}.${group}`;
}
