import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TlsConfig } from '../config/grpc.ts';
import { OfframpError } from '../errors.ts';
import { readCertificates } from '../server/tls/certificate-files.ts';
import { whyUnusable } from '../server/tls/certificate-periods.ts';
import { ownLevels, type Statement } from './check-output.ts';

/**
 * What is wrong with the files of `grpc.tls`. Whoever checks a configuration from a cluster has none of
 * them: that is said, and no error.
 */
export function checkCertificates(
  file: string,
  tls: TlsConfig | undefined,
  folder: string,
): Statement[] {
  if (tls === undefined) return [];
  const paths = {
    certFile: resolve(folder, tls.certFile),
    keyFile: resolve(folder, tls.keyFile),
    clientCAFile: tls.clientCAFile && resolve(folder, tls.clientCAFile),
  };
  const say = (code: keyof typeof ownLevels, problem: string): Statement[] => [
    { level: ownLevels[code], code, place: { file }, problem },
  ];
  if (!Object.values(paths).some((path) => path !== undefined && existsSync(path))) {
    return say(
      'certificates-elsewhere',
      'the files of grpc.tls are not here, and were not looked at',
    );
  }
  try {
    const unusable = whyUnusable(readCertificates(paths), new Date());
    if (unusable === undefined) return [];
    const named = unusable.of === 'server' ? paths.certFile : paths.clientCAFile;
    return say('certificate-unusable', `${named}: ${unusable.why}: no client gets in`);
  } catch (thrown) {
    if (!(thrown instanceof OfframpError)) throw thrown;
    return say('certificate-unusable', thrown.message);
  }
}
