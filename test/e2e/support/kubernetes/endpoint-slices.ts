import { randomUUID } from 'node:crypto';
import type { Etcd } from './control-plane.ts';

/** What stands behind a Service, at one port of this machine. */
export interface ServiceEndpoint {
  readonly service: string;
  readonly namespace?: string;
  /** Tells the slices of one Service apart; `0` by default. The object is `<service>-<slice>`. */
  readonly slice?: string;
  readonly port: number;
  /** `none` is a slice without an endpoint, as a Service scaled to zero has it. */
  readonly is: 'ready' | 'not-ready' | 'none';
}

/** Makes or changes the EndpointSlice of a Service whose port is called `http`. */
export type SetEndpoint = (endpoint: ServiceEndpoint) => Promise<void>;

interface Identity {
  readonly uid: string;
  readonly creationTimestamp: string;
  readonly generation: number;
}

/**
 * Endpoints on the loopback interface. The API server refuses to be given such an address but serves
 * and announces what etcd holds, so the slice is put there, as the API server would have written it.
 * This works while the API server is down, too.
 */
export function createEndpointSlices(etcd: Etcd): SetEndpoint {
  const stored = new Map<string, Identity>();
  return async (endpoint) => {
    const { service, namespace = 'default', slice = '0' } = endpoint;
    const name = `${service}-${slice}`;
    const key = `/registry/endpointslices/${namespace}/${name}`;
    const identity = nextGeneration(stored.get(key));
    stored.set(key, identity);
    const object = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        ...identity,
        name,
        namespace,
        labels: { 'kubernetes.io/service-name': service },
      },
      addressType: 'IPv4',
      endpoints: endpointsOf(endpoint),
      ports: [{ name: 'http', protocol: 'TCP', port: endpoint.port }],
    };
    await putIntoEtcd(etcd, key, JSON.stringify(object));
  };
}

/** Envoy Gateway looks at a changed slice only when its generation has grown. */
function nextGeneration(previous: Identity | undefined): Identity {
  if (previous !== undefined) return { ...previous, generation: previous.generation + 1 };
  // The API server's times have no fractions of a second.
  const creationTimestamp = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return { uid: randomUUID(), creationTimestamp, generation: 1 };
}

function endpointsOf({ is }: ServiceEndpoint): readonly object[] {
  if (is === 'none') return [];
  const ready = is === 'ready';
  return [{ addresses: ['127.0.0.1'], conditions: { ready, serving: ready, terminating: false } }];
}

async function putIntoEtcd(etcd: Etcd, key: string, value: string): Promise<void> {
  const response = await fetch(`${etcd.url}/v3/kv/put`, {
    method: 'POST',
    body: JSON.stringify({ key: toBase64(key), value: toBase64(value) }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`testbed: etcd refused ${key}: ${answer}`);
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
