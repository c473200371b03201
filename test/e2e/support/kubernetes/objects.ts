/** An object as it is applied. */
export type NewObject = Readonly<Record<string, unknown>> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
};

/** One backendRef of a route. */
export interface BackendRef {
  /** Service, Backend, or with its group another. */
  readonly kind: string;
  readonly group?: string;
  readonly name: string;
  readonly weight?: number;
  /** Of a Service; 80 by default. */
  readonly port?: number;
  /** The route's own by default. */
  readonly namespace?: string;
  readonly filters?: readonly object[];
}

/** A route with one rule for `<name>.example.com` on the Gateway `eg` of its namespace. */
export interface RouteOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly backends: readonly BackendRef[];
}

/** One backend of an HTTPProxy; each stands in a rule of its own. */
export interface TunnelBackend {
  readonly connector: string;
  /** A URL. */
  readonly endpoint: string;
}

const GATEWAY_API = 'gateway.networking.k8s.io/v1';

/** The Gateway `eg` of a namespace, with one HTTP listener that takes routes of its own namespace. */
export function gateway(listenerPort: number, namespace = 'default'): NewObject {
  return {
    apiVersion: GATEWAY_API,
    kind: 'Gateway',
    metadata: { name: 'eg', namespace },
    spec: {
      gatewayClassName: 'eg',
      listeners: [{ name: 'http', protocol: 'HTTP', port: listenerPort }],
    },
  };
}

/** The GatewayClass of all Gateways. */
export function gatewayClass(): Readonly<Record<string, unknown>> {
  return {
    apiVersion: GATEWAY_API,
    kind: 'GatewayClass',
    metadata: { name: 'eg' },
    spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
  };
}

/** A Service with the port 80, called `http`. `setEndpoint` says what stands behind it. */
export function service(name: string, namespace = 'default'): NewObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { ports: [{ name: 'http', port: 80 }] },
  };
}

/** A Backend with one address on the loopback interface. */
export function backend(name: string, port: number, namespace = 'default'): NewObject {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'Backend',
    metadata: { name, namespace },
    spec: { endpoints: [{ ip: { address: '127.0.0.1', port } }] },
  };
}

/** A Backend that takes each request to the host it is for. */
export function dynamicResolver(name: string, namespace = 'default'): NewObject {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'Backend',
    metadata: { name, namespace },
    spec: { type: 'DynamicResolver' },
  };
}

/** An HTTPRoute that sends every path to its backends. */
export function httpRoute(options: RouteOptions): NewObject {
  return route('HTTPRoute', options);
}

/** A GRPCRoute that sends every method to its backends. */
export function grpcRoute(options: RouteOptions): NewObject {
  return route('GRPCRoute', options);
}

/** An HTTPProxy: its rule `i` is the one with the index `i` of the HTTPRoute of its name. */
export function httpProxy(
  name: string,
  backends: readonly TunnelBackend[],
  namespace = 'default',
): NewObject {
  return {
    apiVersion: 'networking.datumapis.com/v1alpha',
    kind: 'HTTPProxy',
    metadata: { name, namespace },
    spec: {
      hostnames: [`${name}.example.com`],
      rules: backends.map(({ connector, endpoint }) => ({
        backends: [{ endpoint, connector: { name: connector } }],
      })),
    },
  };
}

/** A Connector; `connectorStatus` is applied apart from it. */
export function connector(name: string, namespace = 'default'): NewObject {
  return {
    apiVersion: 'networking.datumapis.com/v1alpha1',
    kind: 'Connector',
    metadata: { name, namespace },
    spec: { connectorClassName: 'testbed' },
  };
}

/** The status of a Connector, for `patchStatus` or, as JSON, for the annotation. */
export function connectorStatus(online: boolean, nodeId: string): object {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    conditions: [
      {
        type: 'Ready',
        status: online ? 'True' : 'False',
        reason: online ? 'ConnectorReady' : 'ConnectorNotReady',
        message: '',
        lastTransitionTime: now,
      },
    ],
    connectionDetails: { type: 'PublicKey', publicKey: { id: nodeId } },
  };
}

function route(kind: 'HTTPRoute' | 'GRPCRoute', options: RouteOptions): NewObject {
  const { name, namespace = 'default', backends } = options;
  return {
    apiVersion: GATEWAY_API,
    kind,
    metadata: { name, namespace },
    spec: {
      parentRefs: [{ name: 'eg' }],
      hostnames: [`${name}.example.com`],
      rules: [{ backendRefs: backends.map(backendRef) }],
    },
  };
}

function backendRef({ kind, weight = 1, port = 80, ...ref }: BackendRef): object {
  return kind === 'Service'
    ? { kind, weight, port, ...ref }
    : { kind, weight, group: 'gateway.envoyproxy.io', ...ref };
}
