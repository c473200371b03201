import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import * as z from 'zod';

const usersSchema = z.object({
  users: z.array(z.object({ name: z.string(), user: z.unknown() })),
});

const userSchema = z.object({ tokenFile: z.string().min(1) });

/**
 * Makes the users of kubeconfig files authenticate by the `tokenFile` that they name, which the
 * client does not know: it would ask as nobody. The file is read for each request, because such
 * tokens are rotated. As in kubectl it wins over `token`, and the first file that has a user counts.
 */
export function useTokenFiles(kubeConfig: KubeConfig, files: readonly string[]): void {
  const tokenFiles = readTokenFiles(files);
  if (tokenFiles.size === 0) return;
  kubeConfig.users = kubeConfig.users.map((user) => {
    const { token: _, ...rest } = user;
    return tokenFiles.has(user.name) ? rest : user;
  });
  kubeConfig.addAuthenticator({
    isAuthProvider: ({ name }) => tokenFiles.has(name),
    applyAuthentication: async ({ name }, options: Pick<RequestOptions, 'headers'>) => {
      const token = (await readFile(tokenFiles.get(name) ?? '', 'utf8')).trim();
      options.headers = { ...options.headers, Authorization: `Bearer ${token}` };
    },
  });
}

/** The token files of users, by their names. */
function readTokenFiles(files: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const seen = new Set<string>();
  for (const file of files) {
    const users = usersSchema.safeParse(parse(readFileSync(file, 'utf8'))).data?.users ?? [];
    for (const { name, user } of users) {
      const named = userSchema.safeParse(user).data?.tokenFile;
      if (named !== undefined && !seen.has(name)) found.set(name, resolve(dirname(file), named));
      seen.add(name);
    }
  }
  return found;
}
