import { OfframpError } from '../../errors.ts';
import type { ApiServer } from './api-server.ts';
import { asApiServerError } from './api-transport.ts';
import { forEachBackendRefKind } from './backend-refs/backend-ref-kinds.ts';
import { BackendRefView } from './backend-refs/backend-ref-view.ts';
import type { InformerOptions } from './informers.ts';
import { KubernetesView } from './kubernetes-view.ts';
import { readIdentity } from './object-identity.ts';
import { forEachStateKind } from './state-kinds.ts';

/** The state of one moment. */
export interface KubernetesReading {
  readonly view: KubernetesView;
  readonly backendRefs: BackendRefView;
  /** Kinds that the cluster does not have. */
  readonly absent: readonly string[];
}

/** What to read. */
export interface KubernetesScope {
  /** None: all. */
  readonly namespaces: readonly string[];
  /** Whether to read their EndpointSlices; without, Envoy Gateway says which are ready. */
  readonly countsEndpoints: boolean;
}

/** Reads every object once, as the commands do that end. Throws OfframpError: cluster-unreadable. */
export async function readKubernetesOnce(
  api: ApiServer,
  { namespaces, countsEndpoints }: KubernetesScope,
): Promise<KubernetesReading> {
  const view = new KubernetesView();
  const backendRefs = new BackendRefView({ countsEndpoints, namespaces });
  const absent: string[] = [];
  const readings: Promise<void>[] = [];
  const read = <T>(kind: InformerOptions<T>): void => {
    readings.push(readKind(kind, api.address, absent));
  };
  forEachStateKind({ api, namespaces, view }, read);
  forEachBackendRefKind({ api, namespaces, countsEndpoints, view: backendRefs }, read);
  await Promise.all(readings).finally(() => api.close());
  return { view, backendRefs, absent };
}

async function readKind<T>(
  { feed, read, changed, isOptional }: InformerOptions<T>,
  server: string,
  absent: string[],
): Promise<void> {
  try {
    await feed.list((object) => {
      const { namespace, name } = readIdentity(object);
      changed(namespace, name, read(object));
    });
  } catch (error) {
    const { status, message } = asApiServerError(error);
    if (status === 404) {
      if (isOptional !== true) absent.push(feed.title);
      return;
    }
    const needs = status === 403 ? [`it takes the permission to ${feed.permission}`] : [];
    const problem = `${server}: ${feed.title} cannot be read: ${message}`;
    throw new OfframpError('cluster-unreadable', [problem, ...needs]);
  }
}
