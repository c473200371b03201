import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { runToEnd } from '../run-to-end.ts';
import { testbedToolPath } from '../testbed-cache.ts';
import { folders } from './charts.ts';
import {
  installCertManagerCrds,
  installDatumCrds,
  installGatewayCrds,
  installPrometheusCrds,
} from './crds.ts';
import { type RunningKubernetes, startKubernetes } from './kubernetes.ts';

/** A checkout, as far as the commands use it, and a cluster to run them against. */
export class Operator {
  readonly kubernetes: RunningKubernetes;
  readonly folder: string;

  private constructor(kubernetes: RunningKubernetes, folder: string) {
    this.kubernetes = kubernetes;
    this.folder = folder;
  }

  /** Starts a cluster with every kind that the documents speak of. */
  static async start(): Promise<Operator> {
    const kubernetes = await startKubernetes({ authorization: 'RBAC' });
    const folder = await mkdtemp(path.join(tmpdir(), 'offramp-e2e-runbook-'));
    await installGatewayCrds(kubernetes);
    await installDatumCrds(kubernetes);
    await installPrometheusCrds(kubernetes);
    await installCertManagerCrds(kubernetes);
    await symlink(folders.deploy, path.join(folder, 'deploy'));
    await mkdir(path.join(folder, 'bin'));
    await symlink(testbedToolPath('kubectl'), path.join(folder, 'bin', 'kubectl'));
    await symlink(testbedToolPath('helm'), path.join(folder, 'bin', 'helm'));
    const npx = path.join(folder, 'bin', 'npx');
    const program = `"${process.execPath}" "${path.resolve('dist', 'main.js')}"`;
    await writeFile(npx, `#!/bin/sh\nshift\nexec ${program} "$@"\n`);
    await chmod(npx, 0o755);
    return new Operator(kubernetes, folder);
  }

  /** A line of the runbook, with Envoy Gateway's chart from the testbed and no job to wait for. */
  async run(command: string): Promise<string> {
    const local = command.replace(
      'oci://docker.io/envoyproxy/gateway-helm --version v1.9.0',
      `"${folders.envoyGatewayChart}" --no-hooks`,
    );
    // kubectl refuses a second one within a second.
    if (command.includes('rollout restart')) await sleep(1_100);
    const { kubernetes, folder } = this;
    return runToEnd('sh', ['-c', local], {
      cwd: folder,
      env: {
        PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
        KUBECONFIG: kubernetes.kubeconfig,
        HELM_CACHE_HOME: path.join(folder, 'helm-cache'),
        HELM_CONFIG_HOME: path.join(folder, 'helm-config'),
        HELM_DATA_HOME: path.join(folder, 'helm-data'),
      },
    });
  }

  /** Ends the cluster and removes the folder. */
  async stop(): Promise<void> {
    await this.kubernetes.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
