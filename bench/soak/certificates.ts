import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { type Authority, type KeyPair, makeAuthority } from '../../test/support/authority.ts';
import { serverName, tlsCredentials } from '../../test/support/extension-connection.ts';

/** Milliseconds in which Offramp has to use what is new. */
const usedWithin = 10_000;

/** The certificates of both sides, by one authority, which are renewed again and again. */
export class Certificates {
  readonly #folder: string;
  readonly #authority: Authority;
  #server: KeyPair;
  #client: KeyPair;
  #version = 0;

  private constructor(folder: string, authority: Authority, server: KeyPair, client: KeyPair) {
    this.#folder = folder;
    this.#authority = authority;
    this.#server = server;
    this.#client = client;
    this.#mount();
  }

  /** Makes all of it, with Offramp's files below this folder. */
  static async make(folder: string): Promise<Certificates> {
    const authority = await makeAuthority('soak');
    return new Certificates(folder, authority, await issue(authority), await issue(authority));
  }

  /** `grpc.tls` of the configuration. */
  get tls(): Readonly<Record<string, string>> {
    const at = (file: string) => join(this.#folder, 'data', file);
    return { certFile: at('tls.crt'), keyFile: at('tls.key'), clientCAFile: at('ca.crt') };
  }

  /** What a client shows now. */
  get credentials(): ChannelCredentials {
    return tlsCredentials(this.#authority.cert, this.#client);
  }

  /** Renews both; resolves when Offramp shows its new one. Throws when it does not. */
  async renew(address: string): Promise<void> {
    this.#server = await issue(this.#authority);
    this.#client = await issue(this.#authority);
    this.#mount();
    const wanted = new X509Certificate(this.#server.cert).serialNumber;
    const deadline = performance.now() + usedWithin;
    while ((await this.#shownAt(address)) !== wanted) {
      if (performance.now() > deadline) throw new Error('Offramp shows its former certificate');
      await sleep(200);
    }
  }

  /** All files at a stroke, as a kubelet mounts a Secret. */
  #mount(): void {
    const version = `version-${++this.#version}`;
    const files = {
      'tls.crt': this.#server.cert,
      'tls.key': this.#server.key,
      'ca.crt': this.#authority.cert,
    };
    mkdirSync(join(this.#folder, version), { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.#folder, version, name), text, { mode: 0o600 });
    }
    symlinkSync(version, join(this.#folder, 'next'));
    renameSync(join(this.#folder, 'next'), join(this.#folder, 'data'));
  }

  /** The serial number of the certificate that a new connection gets to see. */
  async #shownAt(address: string): Promise<string | undefined> {
    const { cert, key } = this.#client;
    const [host, port] = address.split(':');
    const socket = connect({
      ...{ host, port: Number(port), servername: serverName, ALPNProtocols: ['h2'] },
      ...{ ca: this.#authority.cert, cert, key },
    });
    try {
      await once(socket, 'secureConnect');
      return socket.getPeerX509Certificate()?.serialNumber;
    } finally {
      socket.destroy();
    }
  }
}

function issue(authority: Authority): Promise<KeyPair> {
  return authority.issue({ dns: [serverName] });
}
