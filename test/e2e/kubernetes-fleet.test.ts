import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installDatumCrds } from './support/kubernetes/crds.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { connector, connectorStatus, httpProxy } from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

const fleetSize = 10_000;
const megabyte = 1_000_000;

/** Resident memory in megabytes. */
async function memoryOf(offramp: OfframpProcess): Promise<number> {
  const metrics = await (await fetch(`${offramp.url}/metrics`)).text();
  const bytes = /^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1];
  return Math.round(Number(bytes) / megabyte);
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

describe('a fleet of 10,000 connectors and as many HTTPProxies', () => {
  let kubernetes: RunningKubernetes;
  const start = (namespaces: readonly string[] = []) => {
    const source = { kubeconfig: kubernetes.kubeconfig, namespaces };
    return startOfframpProcess({}, { log: { level: 'info' }, state: { kubernetes: source } });
  };

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    await installDatumCrds(kubernetes);
    const status = JSON.stringify(connectorStatus(true, 'node-0123456789abcdef'));
    const annotations = { 'networking.datumapis.com/upstream-status': status };
    const names = Array.from({ length: fleetSize }, (_, at) => `fleet-${at}`);
    await kubernetes.apply(
      names.map((name) => {
        const one = connector(name);
        return { ...one, metadata: { ...one.metadata, annotations } };
      }),
    );
    await kubernetes.apply(
      names.map((name) => httpProxy(name, [{ connector: name, endpoint: 'http://home:8123' }])),
    );
  }, 600_000);

  afterAll(async () => {
    await kubernetes?.stop();
  });

  it('takes less than 100 MB more than a server without one', async () => {
    const idle = await start(['empty']);
    const idleMemory = await memoryOf(idle);
    await idle.stop();
    const started = performance.now();
    const offramp = await start();
    print(`read in ${Math.round(performance.now() - started)} ms`);
    const read = offramp.log().find(({ msg }) => msg === 'Kubernetes objects read');
    expect(read).toMatchObject({ proxies: fleetSize, connectors: fleetSize, online: fleetSize });
    const memory = await memoryOf(offramp);
    print(`${idleMemory} MB without a fleet, ${memory} MB with it`);
    expect(memory - idleMemory).toBeLessThan(100);

    // A list of all of it, beside what is known already.
    await kubernetes.stopApiServer();
    await kubernetes.startApiServer();
    const isCurrent = async () => {
      const text = await (await fetch(`${offramp.url}/metrics`)).text();
      return text.includes('offramp_state_age_seconds{source="kubernetes"} 0\n');
    };
    await waitFor('the state to be current again', isCurrent, { timeoutMs: 30_000 });
    const after = await memoryOf(offramp);
    print(`${after} MB after the API server was restarted`);
    expect(after - idleMemory).toBeLessThan(100);
    await offramp.stop();
  });
});
