import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type EnvoyGatewayOptions,
  type GatewayFolders,
  type RunningEnvoyGateway,
  startEnvoyGateway,
} from './envoy-gateway.ts';
import { expectedGateways, type Resources, resourcesAsYaml } from './gateway-resources.ts';
import { runToEnd } from './run-to-end.ts';
import { testbedToolPath } from './testbed-cache.ts';
import type { EnvoyGatewayRelease } from './testbed-versions.ts';

/** What a standalone Envoy Gateway is started with. */
export interface GatewayOptions extends EnvoyGatewayOptions {
  readonly resources: Resources;
}

/** A standalone Envoy Gateway and the Envoys below it. */
export interface RunningGateway extends RunningEnvoyGateway {
  /** Replaces all resources; returns before Envoy has them. */
  updateResources(resources: Resources): Promise<void>;
}

// Its xDS server. On its health probe (8081) and its Wasm server (18002) a failure to bind is only
// logged.
const FIXED_PORTS = [18_000];

/**
 * Starts a real Envoy Gateway in standalone mode (file provider, host infrastructure) in a temporary
 * folder of its own, and waits until Envoy serves. One at a time on a machine: a second call waits
 * until the first gateway is stopped.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const yaml = resourcesAsYaml(options.resources);
  const gateway = await startEnvoyGateway({
    ...options,
    fixedPorts: FIXED_PORTS,
    prepare: async (folders) => {
      await publishResources(folders.root, yaml);
      await generateCertificates(folders, options.release);
      return {
        resource: { type: 'File', file: { paths: [folders.resources] } },
        listenerPorts: expectedGateways(yaml).ports,
      };
    },
  });
  return {
    ...gateway,
    updateResources: (resources) => publishResources(gateway.folder, resourcesAsYaml(resources)),
  };
}

/** A rename into the watched folder: Envoy Gateway never reads half a file. */
async function publishResources(root: string, yaml: string): Promise<void> {
  const unpublished = path.join(root, 'resources.yaml');
  await writeFile(unpublished, yaml);
  await rename(unpublished, path.join(root, 'resources', 'resources.yaml'));
}

async function generateCertificates(
  { config }: GatewayFolders,
  release: EnvoyGatewayRelease | undefined,
): Promise<void> {
  const certgen = ['certgen', '--local', '--config-home', config];
  await runToEnd(testbedToolPath('envoy-gateway', release), certgen);
}
