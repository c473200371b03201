import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installDatumCrds, installGatewayCrds } from './support/kubernetes/crds.ts';
import { boundAccount, documentedRole } from './support/kubernetes/documented-roles.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { connector, gateway, httpProxy, httpRoute } from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

const gatewayIn = (namespace: string) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  name: 'eg',
  namespace,
});

describe('an Offramp for one namespace, with the documented Role in it', () => {
  let kubernetes: RunningKubernetes;
  let offramp: OfframpProcess;

  beforeAll(async () => {
    kubernetes = await startKubernetes({ authorization: 'RBAC' });
    await installGatewayCrds(kubernetes);
    await installDatumCrds(kubernetes);
    const shared = ['shop', 'blog'].flatMap((namespace) => [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      connector('berlin', namespace),
      httpProxy('berlin', [{ connector: 'berlin', endpoint: 'http://home' }], namespace),
      gateway(80, namespace),
      httpRoute({ name: 'berlin', namespace, backends: [] }),
    ]);
    await kubernetes.apply([...shared, ...boundAccount('offramp', documentedRole('Role'), 'shop')]);
    const identity = { serviceAccount: 'offramp', namespace: 'default' };
    const kubeconfig = await kubernetes.kubeconfigFor(identity);
    const source = { kubernetes: { kubeconfig, namespaces: ['shop'] } };
    offramp = await startOfframpProcess({}, { state: source });
  });

  afterAll(async () => {
    await offramp?.stop();
    await kubernetes?.stop();
  });

  it('may read all it needs', async () => {
    const text = await (await fetch(`${offramp.url}/readyz?verbose`)).text();
    expect(text).not.toContain('[-]');
    expect(text).toContain('[+] Connector in namespace shop: 1 objects, watched');
    expect(text).toContain('[+] Namespace: 1 objects, watched');
  });

  it('annotates the Gateway there, and none elsewhere', async () => {
    const annotations = async (namespace: string) =>
      (await kubernetes.get(gatewayIn(namespace)))?.metadata.annotations;
    const isAnnotated = async () => (await annotations('shop')) !== undefined;
    await waitFor('the annotation', isAnnotated, { timeoutMs: 10_000 });
    expect(await annotations('blog')).toBeUndefined();
  });
});
