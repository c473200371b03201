import { startUnaryService } from './unary-service.ts';

/** A running gRPC service that Envoy asks whether a request may pass. */
export interface AuthorizationService {
  readonly port: number;
  /** The paths of the requests that it was asked about since the last call. */
  takePaths(): string[];
  stop(): void;
}

const method = {
  path: '/envoy.service.auth.v3.Authorization/Check',
  request: 'envoy.service.auth.v3.CheckRequest',
  response: 'envoy.service.auth.v3.CheckResponse',
} as const;
const permissionDenied = 7;

/** Starts a service that lets requests with this `Authorization` header pass, and no others. */
export async function startAuthorizationService(
  authorization: string,
): Promise<AuthorizationService> {
  const paths: string[] = [];
  const service = await startUnaryService(method, (asked) => {
    const text = JSON.stringify(asked);
    const isAllowed = text.includes(`"authorization":"${authorization}"`);
    paths.push(/"path":"([^"]*)"/.exec(text)?.[1] ?? '');
    return { status: { code: isAllowed ? 0 : permissionDenied } };
  });
  return { ...service, takePaths: () => paths.splice(0) };
}
