import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startProcess } from '../child-process.ts';
import { acceptsConnections, freePort } from '../free-ports.ts';
import { testbedToolPath } from '../testbed-cache.ts';
import { TESTBED_RELEASE } from '../testbed-versions.ts';
import { waitFor } from '../wait-for.ts';
import { type KernelPlaces, type KernelSettings, kernelConfiguration } from './configuration.ts';

/** An Envoy with what the rewrite injects and two workers, without an Envoy Gateway. */
export interface Kernel extends KernelPlaces {
  /** What Envoy printed. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts such an Envoy between these servers. */
export async function startKernel(
  servers: { readonly vm: number; readonly controlPlane: number },
  settings: KernelSettings = {},
  release = TESTBED_RELEASE,
): Promise<Kernel> {
  const root = await mkdtemp(join(tmpdir(), 'offramp-kernel-'));
  const folder = join(root, 'memory');
  await mkdir(folder);
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const places = { ...servers, admin: await freePort(), ports, folder };
  const file = join(root, 'envoy.yaml');
  await writeFile(
    file,
    stringify(kernelConfiguration(places, settings), { aliasDuplicateObjects: false }),
  );
  const envoy = await startProcess({
    name: 'Envoy',
    command: testbedToolPath('envoy', release),
    args: ['-c', file, '--disable-hot-restart', '--concurrency', '2'],
  });
  const stop = async () => {
    await envoy.stop();
    await rm(root, { recursive: true, force: true });
  };
  const up = async () => envoy.ending() ?? (await acceptsConnections(ports[2]));
  const ended = await waitFor('Envoy to listen', up, { timeoutMs: 20_000 });
  if (ended === true) return { ...places, log: envoy.log, stop };
  await stop();
  throw new Error(`testbed: Envoy ended with ${ended}:\n${envoy.log().slice(-4_000)}`);
}
