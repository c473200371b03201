import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { OfframpError, reasonOf } from '../../errors.ts';
import { useTokenFiles } from './token-file.ts';

/** Credentials for an API server, and where they were found. */
export interface LoadedKubeConfig {
  readonly kubeConfig: KubeConfig;
  readonly origin: string;
}

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Loads the kubeconfig file that is named; without one, the service account of the pod, else
 * $KUBECONFIG, else ~/.kube/config. Throws OfframpError: file-unreadable, configuration-invalid.
 */
export function loadKubeConfig(file: string | undefined): LoadedKubeConfig {
  const kubeConfig = new KubeConfig();
  const origin = load(kubeConfig, file);
  const server = kubeConfig.getCurrentCluster()?.server;
  if (!server) throw invalid(`${origin}: it has no current context with a cluster`);
  if (!isHttp(server)) throw invalid(`${origin}: its server ${server} is no https:// URL`);
  const user = kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.user;
  if (user && !kubeConfig.getCurrentUser()) {
    throw invalid(`${origin}: it has no user ${user}, whom its current context names`);
  }
  return { kubeConfig, origin };
}

function load(kubeConfig: KubeConfig, named: string | undefined): string {
  if (named !== undefined) return loadFile(kubeConfig, named);
  if (process.env.KUBERNETES_SERVICE_HOST && existsSync(serviceAccountToken)) {
    kubeConfig.loadFromCluster();
    return 'the service account of the pod';
  }
  const fromEnvironment = process.env.KUBECONFIG;
  if (fromEnvironment) {
    attempt(`$KUBECONFIG, ${fromEnvironment}`, () => {
      kubeConfig.loadFromDefault();
      useTokenFiles(kubeConfig, fromEnvironment.split(delimiter).filter(existsSync));
    });
    return `$KUBECONFIG, ${fromEnvironment}`;
  }
  const ofTheUser = join(homedir(), '.kube', 'config');
  if (existsSync(ofTheUser)) return loadFile(kubeConfig, ofTheUser);
  throw invalid(
    'state.kubernetes: no credentials: this is no pod with a service account, and there is neither ' +
      'state.kubernetes.kubeconfig nor $KUBECONFIG nor ~/.kube/config',
  );
}

function loadFile(kubeConfig: KubeConfig, file: string): string {
  if (!existsSync(file)) {
    throw new OfframpError('file-unreadable', [`kubeconfig ${file}: there is no such file`]);
  }
  attempt(`kubeconfig ${file}`, () => {
    kubeConfig.loadFromFile(file);
    useTokenFiles(kubeConfig, [file]);
  });
  return `kubeconfig ${file}`;
}

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    // Behind the first line come lines of the file, perhaps with credentials.
    const [reason = ''] = reasonOf(error).split('\n');
    // What the client says of a file that is empty, or has values of other types.
    const isOther = error instanceof TypeError;
    throw invalid(`${what}: ${isOther ? `it is no kubeconfig: ${reason}` : reason}`);
  }
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function invalid(problem: string): OfframpError {
  return new OfframpError('configuration-invalid', [problem]);
}
