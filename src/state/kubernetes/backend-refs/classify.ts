import type { BackendRefVerdict } from '../../backend-refs.ts';
import type { BackendKind, Grants, RouteRef, ServicePorts } from './objects.ts';

/** What a backendRef can be looked up in. */
export interface ReferencedObjects {
  /** Whether the objects of a namespace are read: only then are those that are not there missing. */
  reads(namespace: string): boolean;
  service(
    kind: 'Service' | 'ServiceImport',
    namespace: string,
    name: string,
  ): ServicePorts | undefined;
  /**
   * Endpoints behind a port of a Service or ServiceImport, and how many of them take requests;
   * undefined when nobody counts them.
   */
  endpoints(
    kind: 'Service' | 'ServiceImport',
    namespace: string,
    name: string,
    portName: string,
  ): { readonly ready: number; readonly total: number } | undefined;
  backend(namespace: string, name: string): BackendKind | undefined;
  grants(namespace: string): Iterable<Grants>;
}

/** The route that a backendRef is in. */
export interface ReferringRoute {
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  readonly namespace: string;
}

/** What is behind a backendRef, and why. */
export interface Classified {
  readonly verdict: BackendRefVerdict;
  readonly detail: string;
}

const routeGroup = 'gateway.networking.k8s.io';
const serviceGroups = { Service: '', ServiceImport: 'multicluster.x-k8s.io' } as const;
const backendGroup = 'gateway.envoyproxy.io';

/** Decides as Envoy Gateway does which backendRefs it leaves out, and whether for being empty. */
export function classifyBackendRef(
  ref: RouteRef,
  route: ReferringRoute,
  objects: ReferencedObjects,
): Classified {
  const title = `${ref.kind} ${ref.namespace}/${ref.name}`;
  const isKnownKind = isServiceKind(ref) || (ref.kind === 'Backend' && ref.group === backendGroup);
  if (!isKnownKind) return { verdict: 'custom', detail: `${title} is of an extension's kind` };
  if (!objects.reads(ref.namespace)) {
    const remedy = 'name it in state.kubernetes.namespaces';
    const detail = `${title} is in a namespace that is not read: ${remedy}`;
    return { verdict: 'unresolved', detail };
  }
  if (ref.namespace !== route.namespace && !isGranted(ref, route, objects)) {
    return { verdict: 'invalid', detail: `no ReferenceGrant allows ${title}` };
  }
  return isServiceKind(ref)
    ? classifyService(ref, title, objects)
    : classifyBackend(ref, title, objects);
}

type ServiceRef = RouteRef & { readonly kind: 'Service' | 'ServiceImport' };

function isServiceKind(ref: RouteRef): ref is ServiceRef {
  return (
    (ref.kind === 'Service' && ref.group === serviceGroups.Service) ||
    (ref.kind === 'ServiceImport' && ref.group === serviceGroups.ServiceImport)
  );
}

function isGranted(ref: RouteRef, route: ReferringRoute, objects: ReferencedObjects): boolean {
  for (const { from, to } of objects.grants(ref.namespace)) {
    const fromUs = from.some(
      ({ group, kind, namespace }) =>
        group === routeGroup && kind === route.kind && namespace === route.namespace,
    );
    const toIt = to.some(
      ({ group, kind, name }) =>
        group === ref.group && kind === ref.kind && (name === undefined || name === ref.name),
    );
    if (fromUs && toIt) return true;
  }
  return false;
}

function classifyService(ref: ServiceRef, title: string, objects: ReferencedObjects): Classified {
  const { kind, namespace, name, port } = ref;
  const service = objects.service(kind, namespace, name);
  if (service === undefined) return { verdict: 'invalid', detail: `there is no ${title}` };
  if (service.isExternalName) {
    return { verdict: 'invalid', detail: `${title} is an ExternalName` };
  }
  const portName = port === undefined ? undefined : service.ports[port];
  if (portName === undefined) {
    return { verdict: 'invalid', detail: `${title} has no TCP port ${port ?? '(none is given)'}` };
  }
  const endpoints = objects.endpoints(kind, namespace, name, portName);
  if (endpoints === undefined) return { verdict: 'valid', detail: `${title} is valid` };
  const { ready, total } = endpoints;
  if (total === 0) return { verdict: 'empty', detail: `${title} has no endpoints` };
  if (ready > 0) return { verdict: 'ready', detail: `${title} has ${ready} ready endpoints` };
  return { verdict: 'unready', detail: `${title} has ${total} endpoints, none of them ready` };
}

function classifyBackend(ref: RouteRef, title: string, objects: ReferencedObjects): Classified {
  const backend = objects.backend(ref.namespace, ref.name);
  if (backend === undefined) return { verdict: 'invalid', detail: `there is no ${title}` };
  if (backend.isDynamic) return { verdict: 'dynamic', detail: `${title} resolves names itself` };
  return backend.isEmpty
    ? { verdict: 'empty', detail: `${title} lists no endpoints` }
    : { verdict: 'ready', detail: `${title} lists its endpoints` };
}
