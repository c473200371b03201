import { parseAllDocuments, stringify } from 'yaml';

/** Kubernetes objects, as one YAML text (documents parted by `---`) or one object each. */
export type Resources = string | readonly Readonly<Record<string, unknown>>[];

/** What the testbed has to wait for, read from the Gateways among the resources. */
export interface ExpectedGateways {
  /** `namespace/name` of each. */
  readonly names: readonly string[];
  /** The ports of all TCP listeners; with host infrastructure Envoy binds them unshifted. */
  readonly ports: readonly number[];
}

/** The resources as one YAML text. */
export function resourcesAsYaml(resources: Resources): string {
  if (typeof resources === 'string') return resources;
  return resources.map((resource) => stringify(resource)).join('---\n');
}

/** The resources as one object each; nothing for an empty document. */
export function resourcesAsObjects(resources: Resources): readonly unknown[] {
  if (typeof resources !== 'string') return resources;
  return parseAllDocuments(resources)
    .map((document): unknown => document.toJS())
    .filter((object) => object !== null);
}

/** Reads names and listener ports of the Gateways; objects that do not fit are passed over. */
export function expectedGateways(resources: Resources): ExpectedGateways {
  const gateways = resourcesAsObjects(resources).filter(
    (object) => field(object, 'kind') === 'Gateway',
  );
  const listeners = gateways.flatMap((gateway) => list(field(field(gateway, 'spec'), 'listeners')));
  return {
    names: gateways.map((gateway) => {
      const metadata = field(gateway, 'metadata');
      return `${String(field(metadata, 'namespace') ?? 'default')}/${String(field(metadata, 'name'))}`;
    }),
    ports: listeners
      .filter((listener) => field(listener, 'protocol') !== 'UDP')
      .map((listener) => field(listener, 'port'))
      .filter((port) => typeof port === 'number'),
  };
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
