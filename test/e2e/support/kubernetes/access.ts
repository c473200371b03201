import { z } from 'zod';
import type { RunningKubernetes } from './kubernetes.ts';

const reviewSchema = z.looseObject({
  status: z.looseObject({
    resourceRules: z.array(
      z.looseObject({
        verbs: z.array(z.string()),
        apiGroups: z.array(z.string()).default([]),
        resources: z.array(z.string()).default([]),
        resourceNames: z.array(z.string()).default([]),
      }),
    ),
  }),
});

/**
 * Everything that RBAC allows a service account in a namespace, as `verb resource.group`, beyond what
 * it allows everybody. What it allows in all namespaces is told for each of them.
 */
export async function rightsOf(
  kubernetes: RunningKubernetes,
  account: { readonly serviceAccount: string; readonly namespace: string },
  within: string,
): Promise<readonly string[]> {
  const nobody = { serviceAccount: 'nobody', namespace: account.namespace };
  await kubernetes.apply([
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: nobody.serviceAccount, namespace: nobody.namespace },
    },
  ]);
  const everybody = await review(kubernetes, await kubernetes.kubeconfigFor(nobody), within);
  const own = await review(kubernetes, await kubernetes.kubeconfigFor(account), within);
  return [...own].filter((right) => !everybody.has(right)).sort();
}

async function review(
  kubernetes: RunningKubernetes,
  kubeconfig: string,
  namespace: string,
): Promise<ReadonlySet<string>> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace },
  };
  const input = JSON.stringify(body);
  const answer = await kubernetes.kubectl(['create', '--raw', path, '-f', '-'], {
    input,
    kubeconfig,
  });
  const { resourceRules } = reviewSchema.parse(JSON.parse(answer)).status;
  return new Set(
    resourceRules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
      verbs.flatMap((verb) =>
        apiGroups.flatMap((group) =>
          resources.map((resource) =>
            [verb, group === '' ? resource : `${resource}.${group}`, ...resourceNames].join(' '),
          ),
        ),
      ),
    ),
  );
}
