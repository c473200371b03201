import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectExtension,
  type ExtensionConnection,
} from '../../test/support/extension-connection.ts';
import { makeFleet } from '../hook/fleet.ts';
import { Certificates } from './certificates.ts';
import { readHttp } from './http-port.ts';
import { KnownAnswers } from './known-answers.ts';
import { type OfframpUnderTest, startOfframp } from './offramp-process.ts';
import { connectorsIn, type StateName, stateNames, writeStateFile } from './two-states.ts';

/** An Offramp, what it is asked, and what it has to answer. */
export interface World {
  readonly offramp: OfframpUnderTest;
  readonly known: readonly KnownAnswers[];
  connect(): ExtensionConnection;
  writeState(state: StateName): void;
  /** Renews the certificates of both sides; a new connection shows the new one. */
  renewCertificates(): Promise<void>;
  metrics(): Promise<string>;
}

/** Starts Offramp with files in this folder, and the state `as made`. */
export async function startWorld(folder: string, gateways: number): Promise<World> {
  // Of several sizes, as when Gateways come and go: no two calls in a row are of the same fleet.
  const largest = makeFleet(gateways);
  const fleets = [largest, makeFleet(gateways - 1), makeFleet(gateways - 2)];
  const stateFile = join(folder, 'state.yaml');
  const writeState = (state: StateName) => writeStateFile(stateFile, connectorsIn(state, largest));
  writeState('as made');
  const certificates = await Certificates.make(join(folder, 'certificates'));
  const offramp = await startOfframp(folder, {
    grpc: { address: '127.0.0.1:0', tls: certificates.tls },
    http: { address: '127.0.0.1:0' },
    state: { file: { path: stateFile } },
  });
  return {
    offramp,
    known: fleets.map((fleet) => new KnownAnswers(fleet)),
    connect: () => connectExtension(offramp.grpcAddress, certificates.credentials),
    writeState,
    renewCertificates: () => certificates.renew(offramp.grpcAddress),
    metrics: () => readHttp(offramp.httpAddress, '/metrics'),
  };
}

/** Milliseconds in which a new state is in use. */
const stateIsReadMs = 2_000;

/** Learns the answers in both states, and leaves the first. Throws when one of them is wrong. */
export async function learnAnswers({ known, connect, writeState }: World): Promise<void> {
  const connection = connect();
  try {
    for (const state of stateNames.toReversed()) {
      writeState(state);
      await sleep(stateIsReadMs);
      for (const each of known) await each.learn(state, connection);
    }
  } finally {
    connection.close();
  }
}
