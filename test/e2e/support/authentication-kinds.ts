import { startAuthorizationService } from './authorization-service.ts';
import { basicCredentials, htpasswdLine, makeTokenIssuer } from './credentials.ts';
import { backendYaml } from './example-resources.ts';
import { backendRef, secretYaml } from './security-policies.ts';

/** Users whom a policy may let in, and one whom none does. */
export const users = ['ada', 'bob', 'eve'] as const;

/** One of `users`. */
export type User = (typeof users)[number];

/** A way in which a SecurityPolicy asks who a client is. */
export interface AuthenticationKind {
  readonly name: string;
  /** Status of a refusal. */
  readonly refusal: number;
  /** The spec of a SecurityPolicy that lets this user in, and nobody else. */
  readonly letIn: (user: User) => object;
  /** What the user sends. */
  readonly credentials: (user: User) => Readonly<Record<string, string>>;
}

/** Every kind, and what stands behind them. */
export interface RunningAuthentication {
  readonly kinds: readonly AuthenticationKind[];
  /** Secrets and Backends that the policies refer to, as YAML. */
  readonly resources: readonly string[];
  stop(): void;
}

const keyHeader = (user: User) => `x-key-of-${user}`;

/** Starts the external authorisation services, and makes keys and tokens. */
export async function startAuthentication(): Promise<RunningAuthentication> {
  const issuers = { ada: makeTokenIssuer(), bob: makeTokenIssuer(), eve: makeTokenIssuer() };
  const services = {
    ada: await startAuthorizationService('let ada in'),
    bob: await startAuthorizationService('let bob in'),
    eve: await startAuthorizationService('let eve in'),
  };
  const kinds: readonly AuthenticationKind[] = [
    {
      name: 'basic',
      refusal: 401,
      letIn: (user) => ({ basicAuth: { users: { name: `htpasswd-${user}` } } }),
      credentials: (user) => ({ authorization: basicCredentials(user, `of ${user}`) }),
    },
    {
      name: 'jwt',
      refusal: 401,
      letIn: (user) => {
        const { issuer, keySet } = issuers[user];
        const localJWKS = { type: 'Inline', inline: keySet };
        return { jwt: { providers: [{ name: 'tests', issuer, localJWKS }] } };
      },
      credentials: (user) => ({ authorization: `Bearer ${issuers[user].token}` }),
    },
    {
      name: 'ext-authz',
      refusal: 403,
      letIn: (user) => ({ extAuth: { grpc: { backendRefs: [backendRef(`authz-${user}`)] } } }),
      credentials: (user) => ({ authorization: `let ${user} in` }),
    },
    {
      name: 'api-key',
      refusal: 401,
      letIn: (user) => ({
        apiKeyAuth: {
          credentialRefs: [{ name: `key-${user}` }],
          extractFrom: [{ headers: [keyHeader(user)] }],
        },
      }),
      // Eve holds a key of her own to every door.
      credentials: (user) =>
        user === 'eve'
          ? { [keyHeader('ada')]: 'of eve', [keyHeader('bob')]: 'of eve' }
          : { [keyHeader(user)]: `of ${user}` },
    },
  ];
  const resources = users.flatMap((user) => [
    secretYaml(`htpasswd-${user}`, { '.htpasswd': htpasswdLine(user, `of ${user}`) }),
    secretYaml(`key-${user}`, { [user]: `of ${user}` }),
    `${backendYaml(`authz-${user}`, services[user].port)}  appProtocols: [gateway.envoyproxy.io/h2c]\n`,
  ]);
  const stop = () => {
    for (const service of Object.values(services)) service.stop();
  };
  return { kinds, resources, stop };
}
