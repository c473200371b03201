import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { ConnectionRefusal } from '../../observe/server-metrics.ts';
import { peerOf } from '../peer.ts';
import type { Refusals } from '../refusals.ts';
import type { Certificates } from './certificate-files.ts';
import { isAllowed, readIdentities } from './client-identity.ts';

/** What a gate needs to know. */
export interface TlsGateOptions {
  readonly certificates: Certificates;
  readonly allowedSANs: readonly string[];
  /** Milliseconds for the TLS handshake. */
  readonly handshakeTimeout: number;
  readonly refusals: Refusals;
  /** Names each connection before anything is said of it: that of TLS has not the name of the one below. */
  readonly name: (socket: TLSSocket) => void;
  /** Gets each connection whose client may call. */
  readonly admit: (socket: TLSSocket) => void;
}

/**
 * TLS in front of gRPC: does the handshake on connections that somebody else accepted, and admits only
 * clients that may call. What it refuses is closed before a byte of it reaches HTTP/2.
 */
export class TlsGate {
  readonly #server: Server;
  readonly #options: TlsGateOptions;
  #needsCertificate = false;

  constructor(options: TlsGateOptions) {
    this.#options = options;
    const { certificates, handshakeTimeout, refusals, name } = options;
    this.#needsCertificate = certificates.ca !== undefined;
    this.#server = createServer({
      ...contextOf(certificates),
      ALPNProtocols: ['h2'],
      requestCert: this.#needsCertificate,
      // Judged below: Node would close the connection itself, and say nothing of why.
      rejectUnauthorized: false,
      handshakeTimeout,
    });
    this.#server.on('secureConnection', (socket) => this.#judge(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      const code = 'code' in error ? String(error.code) : error.message;
      const reason =
        code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'handshake-timeout' : 'handshake-failed';
      name(socket);
      refusals.connection(reason, peerOf(socket), { why: code });
      socket.destroy();
    });
  }

  /** Takes a new connection through the handshake. */
  receive(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** The next handshakes use these; connections that are there stay. */
  use(certificates: Certificates): void {
    this.#server.setSecureContext(contextOf(certificates));
  }

  #judge(socket: TLSSocket): void {
    // A client that goes away at the wrong moment is no error of ours.
    socket.on('error', () => socket.destroy());
    this.#options.name(socket);
    const refusal = this.#whyNot(socket);
    if (refusal === undefined) {
      this.#options.admit(socket);
      return;
    }
    const { reason, ...detail } = refusal;
    this.#options.refusals.connection(reason, peerOf(socket), detail);
    socket.destroy();
  }

  #whyNot(
    socket: TLSSocket,
  ): { reason: ConnectionRefusal; why: string; names?: string } | undefined {
    if (socket.alpnProtocol !== 'h2') {
      return { reason: 'handshake-failed', why: 'the client does not ask for HTTP/2 by ALPN' };
    }
    if (!this.#needsCertificate) return undefined;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) {
      return { reason: 'no-certificate', why: 'the client sent no certificate' };
    }
    const names = certificate.subjectAltName ?? 'none';
    if (!socket.authorized) {
      const why = String(socket.authorizationError ?? 'not verified');
      const isExpired = /EXPIRED|NOT_YET_VALID/.test(why);
      return { reason: isExpired ? 'expired-certificate' : 'untrusted-certificate', why, names };
    }
    const { allowedSANs } = this.#options;
    if (allowedSANs.length === 0) return undefined;
    if (isAllowed(readIdentities(certificate.subjectAltName), allowedSANs)) return undefined;
    return {
      reason: 'not-allowed',
      why: 'no name of the certificate is in grpc.tls.allowedSANs',
      names,
    };
  }
}

/** In every update too: Node falls back to its own defaults for what an update leaves out. */
function contextOf({ cert, key, ca }: Certificates) {
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: 'TLSv1.3' as const,
    maxVersion: 'TLSv1.3' as const,
    // Every connection shows its certificate: a ticket would outlive the certificate it was given for.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
