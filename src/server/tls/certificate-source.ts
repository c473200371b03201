import { OfframpError, reasonOf } from '../../errors.ts';
import {
  type CertificatePaths,
  type Certificates,
  readCertificates,
  signatureOf,
} from './certificate-files.ts';
import { whyUnusable } from './certificate-periods.ts';

/** What a source tells its surroundings. */
export interface CertificateEvents {
  /** New certificates are in use; at the start, the first ones. */
  loaded(certificates: Certificates, isFirst: boolean): void;
  /** The files cannot be used as they are; the last good certificates stay. */
  rejected(reason: string): void;
}

/** How often the files' stats are compared, in milliseconds. By path, as the state file's are. */
const pollInterval = 500;

/**
 * Certificates from files, read anew when they change. A change counts once the files were left alone
 * for one look: certificate and key may be written one after the other.
 */
export class CertificateSource {
  readonly #paths: CertificatePaths;
  readonly #events: CertificateEvents;
  readonly #timer: NodeJS.Timeout;
  #read: string;
  #seen: string;
  #current: Certificates;
  /** When files that were refused can be used, though they stay as they are. */
  #mendsAt: Date | undefined;

  /** Reads the files. Throws OfframpError: certificate-unusable. */
  constructor(paths: CertificatePaths, events: CertificateEvents) {
    this.#paths = paths;
    this.#events = events;
    this.#seen = signatureOf(paths);
    this.#read = this.#seen;
    this.#current = readCertificates(paths);
    events.loaded(this.#current, true);
    this.#timer = setInterval(() => this.#look(), pollInterval).unref();
  }

  get current(): Certificates {
    return this.#current;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const signature = signatureOf(this.#paths);
    const isAtRest = signature === this.#seen;
    this.#seen = signature;
    if (!isAtRest || (signature === this.#read && !this.#isMended())) return;
    this.#mendsAt = undefined;
    const outcome = this.#readAnew();
    // Read while somebody wrote: the next look finds it at rest.
    if (signatureOf(this.#paths) !== signature) return;
    this.#read = signature;
    if (outcome instanceof OfframpError) {
      this.#events.rejected(outcome.message);
    } else {
      this.#current = outcome;
      this.#events.loaded(outcome, false);
    }
  }

  #isMended(): boolean {
    return this.#mendsAt !== undefined && this.#mendsAt.getTime() <= Date.now();
  }

  #readAnew(): Certificates | OfframpError {
    try {
      const certificates = readCertificates(this.#paths);
      const unusable = whyUnusable(certificates, new Date());
      if (unusable === undefined) return certificates;
      const { certFile, clientCAFile } = this.#paths;
      this.#mendsAt = unusable.from;
      const file = unusable.of === 'server' ? certFile : clientCAFile;
      return new OfframpError('certificate-unusable', [`${file}: ${unusable.why}`]);
    } catch (error) {
      if (error instanceof OfframpError) return error;
      return new OfframpError('certificate-unusable', [reasonOf(error)], { cause: error });
    }
  }
}
