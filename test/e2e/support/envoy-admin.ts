import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** An Envoy that Envoy Gateway started, through its admin interface. */
export interface RunningEnvoy {
  /** `namespace/name` of the Gateway it serves; the GatewayClass when Gateways are merged. */
  readonly gateway: string;
  /** Base URL of the admin interface, without a slash at the end. */
  readonly admin: string;
}

const REQUEST_TIMEOUT_MS = 5_000;

/**
 * The Envoys that are up under an Envoy Gateway with this runtime folder. Each takes a free admin port
 * and writes it into a folder of its own there.
 */
export async function findEnvoys(runtimeFolder: string): Promise<readonly RunningEnvoy[]> {
  const runs = await readdir(runtimeFolder).catch(() => []);
  const envoys = await Promise.all(
    runs.map(async (run): Promise<RunningEnvoy | undefined> => {
      const file = path.join(runtimeFolder, run, 'admin-address.txt');
      const address = await readFile(file, 'utf8').catch(() => '');
      if (address === '') return undefined;
      const admin = `http://${address.trim()}`;
      // Gone or not answering yet: the next look will tell.
      const info = await fetchJson(admin, '/server_info').catch(() => undefined);
      const gateway = serviceCluster(info);
      return gateway === undefined ? undefined : { gateway, admin };
    }),
  );
  return envoys
    .filter((envoy) => envoy !== undefined)
    .sort((one, other) => one.gateway.localeCompare(other.gateway));
}

/** GETs `pathAndQuery` of an admin interface and gives the body; throws unless the status is 200. */
export async function fetchText(admin: string, pathAndQuery: string): Promise<string> {
  const response = await fetch(`${admin}${pathAndQuery}`, {
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const body = await response.text();
  if (response.status !== 200) {
    throw new Error(`testbed: Envoy answered ${response.status} to ${pathAndQuery}: ${body}`);
  }
  return body;
}

/** The same, parsed. */
export async function fetchJson(admin: string, pathAndQuery: string): Promise<unknown> {
  return JSON.parse(await fetchText(admin, pathAndQuery));
}

function serviceCluster(info: unknown): string | undefined {
  if (typeof info !== 'object' || info === null || !('command_line_options' in info)) {
    return undefined;
  }
  const options = info.command_line_options;
  if (typeof options !== 'object' || options === null || !('service_cluster' in options)) {
    return undefined;
  }
  return String(options.service_cluster);
}
