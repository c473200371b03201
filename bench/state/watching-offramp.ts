import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import * as z from 'zod';
import { waitFor } from '../../test/e2e/support/wait-for.ts';
import { Program } from '../hook/program.ts';

/** `offramp serve` that reads its state from Kubernetes. */
export interface WatchingOfframp {
  readonly program: Program;
  /** From the start of the process until every kind was read, in milliseconds. */
  readonly syncedAfter: number;
  /** Resolves when it knows as many connectors as online. */
  untilOnline(count: number): Promise<void>;
  /** Milliseconds that its threads have computed. */
  computed(): number;
}

const servingLine = z.object({ http: z.string() });

/** Starts the built server; it reads these namespaces, or all. */
export async function startWatching(
  kubeconfig: string,
  folder: string,
  namespaces: readonly string[] = [],
): Promise<WatchingOfframp> {
  const config = join(folder, `offramp-${namespaces.join('-')}.yaml`);
  const settings = {
    grpc: { address: '127.0.0.1:0', insecure: true },
    http: { address: '127.0.0.1:0' },
    log: { level: 'info' },
    retrigger: { gatewayAnnotation: false },
    state: { kubernetes: { kubeconfig, namespaces } },
  };
  writeFileSync(config, stringify(settings));
  const started = performance.now();
  const program = new Program([process.execPath, 'dist/main.js', 'serve', '--config', config]);
  const { http } = servingLine.parse(JSON.parse(await program.lineWith('"serving"')));
  const syncedAfter = performance.now() - started;
  return {
    program,
    syncedAfter,
    untilOnline: async (count) => {
      const isThere = async () => {
        const text = await (await fetch(`http://${http}/readyz?verbose`)).text();
        return text.includes(`, ${count} of them online`);
      };
      await waitFor(`${count} connectors online`, isThere, { timeoutMs: 120_000 });
    },
    computed: () => computedBy(program.pid),
  };
}

function computedBy(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}
