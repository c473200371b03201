import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { testbedToolPath } from '../testbed-cache.ts';
import { waitFor } from '../wait-for.ts';
import type { RunningKubernetes } from './kubernetes.ts';

const crdSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal('CustomResourceDefinition'),
  spec: z.looseObject({
    group: z.string(),
    names: z.looseObject({ kind: z.string() }),
    versions: z.array(z.looseObject({ name: z.string(), served: z.boolean() })),
  }),
});

type Crd = z.output<typeof crdSchema>;

const SERVED_TIMEOUT_MS = 30_000;

/** Installs the kinds of Envoy Gateway and the Gateway API, and waits until all are served. */
export async function installGatewayCrds(kubernetes: RunningKubernetes): Promise<void> {
  const file = await readFile(testbedToolPath('gateway-crds'), 'utf8');
  const objects: unknown = JSON.parse(file);
  await installCrds(kubernetes, z.array(crdSchema).parse(objects));
}

/** Installs HTTPProxy and Connector, and waits until both are served. */
export async function installDatumCrds(kubernetes: RunningKubernetes): Promise<void> {
  await installCrds(kubernetes, await readCrds('httpproxies.yaml', 'connectors.yaml'));
}

/** Installs as much of the Prometheus Operator's kinds as says whether ours are such. */
export async function installPrometheusCrds(kubernetes: RunningKubernetes): Promise<void> {
  await installCrds(kubernetes, await readCrds('podmonitors.yaml', 'prometheusrules.yaml'));
}

/** Installs as much of cert-manager's kinds as says whether the certificates in deploy/ are some. */
export async function installCertManagerCrds(kubernetes: RunningKubernetes): Promise<void> {
  const file = path.join(import.meta.dirname, 'crds', 'cert-manager.yaml');
  await installCrds(kubernetes, z.array(crdSchema).parse(parse(await readFile(file, 'utf8'))));
}

/** Installs the kind of the backends that `startCustomBackends` makes clusters for. */
export async function installStaticBackendCrd(kubernetes: RunningKubernetes): Promise<void> {
  await installCrds(kubernetes, await readCrds('staticbackends.yaml'));
}

function readCrds(...files: readonly string[]): Promise<readonly Crd[]> {
  const crds = files.map(async (file) => {
    const text = await readFile(path.join(import.meta.dirname, 'crds', file), 'utf8');
    return crdSchema.parse(parse(text));
  });
  return Promise.all(crds);
}

async function installCrds(kubernetes: RunningKubernetes, crds: readonly Crd[]): Promise<void> {
  await kubernetes.apply(crds);
  for (const { spec } of crds) {
    for (const { name } of spec.versions.filter(({ served }) => served)) {
      const [apiVersion, kind] = [`${spec.group}/${name}`, spec.names.kind];
      await waitFor(
        `the API server to serve ${apiVersion} ${kind}`,
        () => kubernetes.serves(apiVersion, kind),
        { timeoutMs: SERVED_TIMEOUT_MS },
      );
    }
  }
}
