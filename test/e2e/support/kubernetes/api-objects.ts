import { z } from 'zod';
import { type Resources, resourcesAsObjects } from '../gateway-resources.ts';
import { ApiError, type ApiRequests } from './api-server-requests.ts';

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

/** Any Kubernetes object; fields beside these come through. */
export type KubernetesObject = z.output<typeof objectSchema>;

/** Which object is meant; the namespace is `default` unless given, and none for cluster-wide kinds. */
export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Objects in the API server, of any kind it serves. */
export interface ApiObjects {
  /** Whether the API server serves a kind now; a CRD takes a moment to be. */
  serves(apiVersion: string, kind: string): Promise<boolean>;
  /**
   * Creates or updates (server-side apply) in the given order, neighbours of one kind at once:
   * a thousand in some seconds. Status is not among what is applied.
   */
  apply(objects: Resources): Promise<void>;
  /** The object, or undefined when there is none of that name. */
  get(name: ObjectName): Promise<KubernetesObject | undefined>;
  /** All objects of a kind, in all namespaces. */
  list(apiVersion: string, kind: string): Promise<readonly KubernetesObject[]>;
  /** A merge patch. */
  patch(name: ObjectName, patch: object): Promise<void>;
  /** A merge patch of the status subresource. */
  patchStatus(name: ObjectName, status: object): Promise<void>;
  /** Deletes the object; harmless when there is none. */
  remove(name: ObjectName): Promise<void>;
}

const FIELD_MANAGER = 'testbed';
const AT_ONCE = 16;
const NOT_FOUND = 404;

const listSchema = z.looseObject({
  items: z.array(z.looseObject({ metadata: objectSchema.shape.metadata })),
});
const discoverySchema = z.looseObject({
  resources: z.array(
    z.looseObject({ name: z.string(), kind: z.string(), namespaced: z.boolean() }),
  ),
});

type Discovered = z.output<typeof discoverySchema>['resources'][number];

/** Finds out from the API server itself how the path of a kind is called. */
export function createApiObjects(requests: ApiRequests): ApiObjects {
  const known = new Map<string, Discovered>();

  const look = async (apiVersion: string, kind: string): Promise<Discovered | undefined> => {
    const path = groupPath(apiVersion);
    const answer = await unlessMissing(() => requests.send({ method: 'GET', path }));
    if (answer === undefined) return undefined;
    const { resources } = discoverySchema.parse(answer);
    // A name with a slash is a subresource's, of the same kind.
    return resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
  };

  const discover = async (apiVersion: string, kind: string): Promise<Discovered> => {
    const key = `${apiVersion} ${kind}`;
    const found = known.get(key) ?? (await look(apiVersion, kind));
    if (found === undefined) throw new Error(`testbed: the API server does not serve ${key}`);
    known.set(key, found);
    return found;
  };

  const pathOf = async ({ apiVersion, kind, name, namespace }: ObjectName): Promise<string> => {
    const { name: plural, namespaced } = await discover(apiVersion, kind);
    const within = namespaced ? `/namespaces/${namespace ?? 'default'}` : '';
    return `${groupPath(apiVersion)}${within}/${plural}/${name}`;
  };

  const applyOne = async (object: KubernetesObject): Promise<void> => {
    const path = await pathOf(nameOf(object));
    await requests.send({
      method: 'PATCH',
      path: `${path}?fieldManager=${FIELD_MANAGER}&force=true`,
      contentType: 'application/apply-patch+yaml',
      body: object,
    });
  };

  const patch = async (name: ObjectName, body: object, subresource = ''): Promise<void> => {
    const path = `${await pathOf(name)}${subresource}`;
    const contentType = 'application/merge-patch+json';
    await requests.send({ method: 'PATCH', path, contentType, body });
  };

  return {
    serves: async (apiVersion, kind) => (await look(apiVersion, kind)) !== undefined,
    apply: async (objects) => {
      for (const batch of batchesOfOneKind(parseObjects(objects))) {
        await Promise.all(batch.map(applyOne));
      }
    },
    get: async (name) => {
      const path = await pathOf(name);
      const found = await unlessMissing(() => requests.send({ method: 'GET', path }));
      return found === undefined ? undefined : objectSchema.parse(found);
    },
    list: async (apiVersion, kind) => {
      const { name } = await discover(apiVersion, kind);
      const answer = await requests.send({
        method: 'GET',
        path: `${groupPath(apiVersion)}/${name}`,
      });
      // The items of a list do not repeat what the list says.
      return listSchema.parse(answer).items.map((item) => ({ ...item, apiVersion, kind }));
    },
    patch: (name, body) => patch(name, body),
    patchStatus: (name, status) => patch(name, { status }, '/status'),
    remove: async (name) => {
      const path = await pathOf(name);
      await unlessMissing(() => requests.send({ method: 'DELETE', path }));
    },
  };
}

function nameOf({ apiVersion, kind, metadata }: KubernetesObject): ObjectName {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function parseObjects(objects: Resources): readonly KubernetesObject[] {
  return resourcesAsObjects(objects).map((object) => objectSchema.parse(object));
}

function batchesOfOneKind(objects: readonly KubernetesObject[]): KubernetesObject[][] {
  const batches: KubernetesObject[][] = [];
  for (const object of objects) {
    const batch = batches.at(-1);
    const fits = batch !== undefined && batch.length < AT_ONCE && batch[0]?.kind === object.kind;
    if (fits) batch.push(object);
    else batches.push([object]);
  }
  return batches;
}

async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ApiError && error.status === NOT_FOUND) return undefined;
    throw error;
  }
}
