import { OfframpError } from '../../errors.ts';
import type { ApiServer } from './api-server.ts';
import { asApiServerError } from './api-transport.ts';
import type { InformerOptions } from './informers.ts';
import { KubernetesView } from './kubernetes-view.ts';
import { readIdentity } from './object-identity.ts';
import { forEachStateKind } from './state-kinds.ts';

/** The state of one moment. */
export interface KubernetesReading {
  readonly view: KubernetesView;
  /** Kinds that the cluster does not have. */
  readonly absent: readonly string[];
}

/** Reads every object once, as the commands do that end. Throws OfframpError: cluster-unreadable. */
export async function readKubernetesOnce(
  api: ApiServer,
  namespaces: readonly string[],
): Promise<KubernetesReading> {
  const view = new KubernetesView();
  const absent: string[] = [];
  const readings: Promise<void>[] = [];
  forEachStateKind({ api, namespaces, view }, (kind) => {
    readings.push(readKind(kind, api.address, absent));
  });
  await Promise.all(readings).finally(() => api.close());
  return { view, absent };
}

async function readKind<T>(
  { feed, read, changed }: InformerOptions<T>,
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
      absent.push(feed.title);
      return;
    }
    const needs = status === 403 ? [`it takes the permission to ${feed.permission}`] : [];
    const problem = `${server}: ${feed.title} cannot be read: ${message}`;
    throw new OfframpError('cluster-unreadable', [problem, ...needs]);
  }
}
