import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { waitFor } from './support/wait-for.ts';

const file = join(import.meta.dirname, '../../deploy/helm/offramp/crds/offramppolicies.yaml');
const toRoute = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' };

function policy(name: string, spec: object) {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: 'offramp.dev/v1alpha1', kind: 'OfframpPolicy', metadata, spec };
}

let kubernetes: RunningKubernetes;

beforeAll(async () => {
  kubernetes = await startKubernetes({});
  await kubernetes.apply([z.looseObject({}).parse(parse(await readFile(file, 'utf8')))]);
  await waitFor('the API server to serve OfframpPolicies', isServed, { timeoutMs: 20_000 });
});

afterAll(async () => {
  await kubernetes?.stop();
});

async function isServed(): Promise<boolean> {
  return kubernetes.kubectl(['get', 'offramppolicies']).then(
    () => true,
    () => false,
  );
}

/** Applies it as people do; answers what kubectl says when it is refused. */
async function apply(object: object): Promise<string> {
  const args = ['apply', '--server-side', '-f', '-'];
  return kubernetes.kubectl(args, { input: JSON.stringify(object) }).catch(String);
}

describe('the OfframpPolicy CRD', () => {
  it.each([
    ['a route', [toRoute]],
    ['a named rule', [{ ...toRoute, sectionName: 'checkout' }]],
    ['a GRPCRoute', [{ ...toRoute, kind: 'GRPCRoute' }]],
    [
      'a Gateway and one of its listeners',
      [
        { ...toRoute, kind: 'Gateway' },
        { ...toRoute, kind: 'Gateway', sectionName: 'http' },
      ],
    ],
  ])('takes a policy for %s', async (_what, targetRefs) => {
    const said = await apply(policy('good', { targetRefs, emptyBackends: { mode: 'Keep' } }));
    expect(said).toContain('offramppolicy.offramp.dev/good');
    expect(said).not.toMatch(/invalid|error/i);
  });

  it.each([
    ['without a target', {}, /spec\.targetRefs: Required value/],
    ['with no target in the list', { targetRefs: [] }, /spec\.targetRefs.*at least 1 item/],
    [
      'for another kind',
      { targetRefs: [{ ...toRoute, kind: 'TCPRoute' }] },
      /Unsupported value: "TCPRoute": supported values: "Gateway", "HTTPRoute", "GRPCRoute"/,
    ],
    [
      'with targetSelectors',
      { targetRefs: [toRoute], targetSelectors: [{ kind: 'HTTPRoute' }] },
      /targetSelectors are not supported/,
    ],
    [
      'with an unknown mode',
      { targetRefs: [toRoute], emptyBackends: { mode: 'Rebalanc' } },
      /Unsupported value: "Rebalanc": supported values: "Rebalance", "Keep"/,
    ],
    [
      'with an unknown field',
      { targetRefs: [toRoute], emptyBackend: { mode: 'Keep' } },
      /emptyBackend.*field not declared in schema|unknown field "spec\.emptyBackend"/,
    ],
  ])('refuses a policy %s, with the reason', async (_what, spec, reason) => {
    expect(await apply(policy('bad', spec))).toMatch(reason);
  });

  it('has a short name, and columns that say what it does', async () => {
    const printed = await kubernetes.kubectl(['get', 'ofp', 'good']);
    expect(printed).toMatch(/NAME +TARGET +EMPTYBACKENDS +ACCEPTED +AGE/);
    expect(printed).toMatch(/good +\S+ +Keep/);
  });
});
