import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { TlsConfig } from '../../config/grpc.ts';
import type { ErrorCode } from '../../errors.ts';
import type { ServerMetrics } from '../../observe/server-metrics.ts';
import type { Certificates } from './certificate-files.ts';
import { whyUnusable } from './certificate-periods.ts';
import { CertificateSource } from './certificate-source.ts';
import { TlsGate, type TlsGateOptions } from './tls-gate.ts';

/** `grpc.tls`, and the folder its paths start from. */
export interface TlsFiles {
  readonly config: TlsConfig;
  readonly folder: string;
}

/** Where TLS tells of what happens, and what it is given to do. */
interface TlsSurroundings
  extends Pick<TlsGateOptions, 'handshakeTimeout' | 'refusals' | 'name' | 'admit'> {
  readonly metrics: ServerMetrics;
  readonly log: Logger;
}

/** TLS with certificates that follow their files. */
export interface Tls {
  receive(socket: Socket): void;
  stop(): void;
}

/** Reads the certificates and keeps up with their changes. Throws OfframpError: certificate-unusable. */
export function openTls({ config, folder }: TlsFiles, surroundings: TlsSurroundings): Tls {
  const { metrics, log, ...rest } = surroundings;
  const { certFile, keyFile, clientCAFile, allowedSANs } = config;
  let gate: TlsGate | undefined;
  const source = new CertificateSource(
    {
      certFile: resolve(folder, certFile),
      keyFile: resolve(folder, keyFile),
      clientCAFile: clientCAFile && resolve(folder, clientCAFile),
    },
    {
      loaded(certificates, isFirst) {
        showExpiry(certificates, metrics);
        if (!isFirst) metrics.tlsReloads.inc();
        gate?.use(certificates);
        tellLoaded(certificates, log);
      },
      rejected(reason) {
        metrics.tlsReloadErrors.inc();
        const code: ErrorCode = 'certificate-unusable';
        log.error({ code, reason }, 'certificates refused; the last good ones stay');
      },
    },
  );
  gate = new TlsGate({ ...rest, certificates: source.current, allowedSANs });
  if (clientCAFile === undefined) {
    log.warn('grpc.tls has no clientCAFile: whoever reaches the port may call');
  }
  const admitting = gate;
  return {
    receive: (socket) => admitting.receive(socket),
    stop: () => source.stop(),
  };
}

function showExpiry({ serverExpiry, clientCAExpiry }: Certificates, metrics: ServerMetrics): void {
  const expiry = metrics.certificateExpiry;
  expiry.set({ certificate: 'server' }, serverExpiry.getTime() / 1000);
  if (clientCAExpiry !== undefined) {
    expiry.set({ certificate: 'client-ca' }, clientCAExpiry.getTime() / 1000);
  }
}

function tellLoaded(certificates: Certificates, log: Logger): void {
  const { serverExpiry, clientCAExpiry } = certificates;
  const fields = {
    server_ends: serverExpiry.toISOString(),
    ...(clientCAExpiry === undefined ? {} : { client_ca_ends: clientCAExpiry.toISOString() }),
  };
  const unusable = whyUnusable(certificates, new Date());
  if (unusable === undefined) log.info(fields, 'certificates in use');
  else log.error({ ...fields, certificate: unusable.of, reason: unusable.why }, notNow);
}

const notNow =
  'the certificates in use are not valid now: no client gets in until there are others';
