import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { OfframpError, reasonOf } from '../../errors.ts';
import { readRegularFile } from '../../process/regular-file.ts';
import { certificateBlocks } from './certificate-blocks.ts';

/** As many bytes as a Secret may have. */
const maxBytes = 2 ** 20;

/** Where certificates are, as absolute paths. */
export interface CertificatePaths {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCAFile?: string | undefined;
}

/** Certificates that fit together, as TLS takes them, and until when they are valid. */
export interface Certificates {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
  readonly server: X509Certificate;
  readonly clientCAs?: readonly X509Certificate[];
  readonly serverExpiry: Date;
  /** Of several CAs the first to end. */
  readonly clientCAExpiry?: Date;
}

/**
 * Reads the files and makes sure that they fit together. Throws OfframpError (certificate-unusable),
 * which names files and never has anything of a key in it.
 */
export function readCertificates(paths: CertificatePaths): Certificates {
  const cert = read(paths.certFile);
  const key = read(paths.keyFile);
  const ca = paths.clientCAFile === undefined ? undefined : read(paths.clientCAFile);
  const [leaf] = parseCertificates(paths.certFile, cert);
  if (!leaf.checkPrivateKey(parseKey(paths.keyFile, key))) {
    throw unusable(paths.keyFile, `is not the private key of the certificate in ${paths.certFile}`);
  }
  const authorities =
    ca === undefined ? undefined : parseCertificates(paths.clientCAFile ?? '', ca);
  const contents = { cert, key, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext({ ...contents, minVersion: 'TLSv1.3' });
  } catch (error) {
    throw unusable(paths.certFile, `cannot be used for TLS: ${reasonOf(error)}`);
  }
  return {
    ...contents,
    server: leaf,
    serverExpiry: new Date(leaf.validTo),
    ...(authorities === undefined
      ? {}
      : { clientCAs: authorities, clientCAExpiry: earliest(authorities) }),
  };
}

/** Changes with every write, rename and swap of a symlink on the way to a file. */
export function signatureOf({ certFile, keyFile, clientCAFile }: CertificatePaths): string {
  const files = [certFile, keyFile, ...(clientCAFile === undefined ? [] : [clientCAFile])];
  return files.map(fileSignature).join(';');
}

function fileSignature(file: string): string {
  try {
    const stat = statSync(file, { bigint: true });
    return [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join();
  } catch {
    return 'unreadable'; // the reading that follows says why
  }
}

function read(file: string): Buffer {
  try {
    return readRegularFile(file, maxBytes);
  } catch (error) {
    throw unusable(file, `cannot be read: ${reasonOf(error)}`);
  }
}

function parseCertificates(file: string, pem: Buffer): [X509Certificate, ...X509Certificate[]] {
  const blocks = certificateBlocks(pem.toString('latin1'));
  // OpenSSL takes the whole ones, and says nothing of the one that is cut short.
  if (blocks === undefined) throw unusable(file, 'has a PEM block that is not whole');
  const [first, ...others] = blocks;
  if (first === undefined) throw unusable(file, 'has no PEM certificate in it');
  try {
    return [new X509Certificate(first), ...others.map((block) => new X509Certificate(block))];
  } catch (error) {
    throw unusable(file, `has a certificate that cannot be read: ${reasonOf(error)}`);
  }
}

function parseKey(file: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's reason says nothing that an operator could use, and a key is near it.
    throw unusable(file, 'has no PEM private key in it that can be read without a passphrase');
  }
}

function earliest(certificates: readonly X509Certificate[]): Date {
  return new Date(Math.min(...certificates.map(({ validTo }) => Date.parse(validTo))));
}

function unusable(file: string, reason: string): OfframpError {
  return new OfframpError('certificate-unusable', [`${file}: ${reason}`]);
}
