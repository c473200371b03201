import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const roleSchema = z.looseObject({
  kind: z.enum(['ClusterRole', 'Role']),
  rules: z.array(z.looseObject({ verbs: z.array(z.string()) })),
});

/** A role of RBAC. */
export type Role = z.output<typeof roleSchema>;

const page = path.join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'kubernetes.md');

/** The role that the documentation tells people to give Offramp: it must be enough. */
export function documentedRole(kind: Role['kind']): Role {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)];
  const roles = blocks.map(([, text = '']) => roleSchema.parse(parse(text)));
  const role = roles.find((one) => one.kind === kind);
  if (role === undefined) throw new Error(`testbed: docs/kubernetes.md has no ${kind}`);
  return role;
}

/** A service account in `default`, and what binds the role of the same name to it. */
export function boundAccount(
  name: string,
  role: Role,
  namespace?: string,
): readonly Readonly<Record<string, unknown>>[] {
  const subjects = [{ kind: 'ServiceAccount', name, namespace: 'default' }];
  const isForAll = role.kind === 'ClusterRole';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default' } },
    role,
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: isForAll ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: isForAll ? { name } : { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name },
      subjects,
    },
  ];
}
