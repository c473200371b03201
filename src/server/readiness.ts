import { formatProblem } from '../config/yaml-file.ts';
import type { StateSource } from '../state/source.ts';

/** One thing that readiness depends on, or that is worth knowing beside it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Whether hook calls can be answered, and why or why not. */
export interface Readiness {
  check(): { readonly ready: boolean; readonly checks: readonly Check[] };
}

/**
 * Ready means: gRPC is bound, the state was read once, and nobody asked us to stop. A state file
 * that cannot be read anew is told, but does not end readiness: the last good state is in use, and
 * an Offramp that is not ready would block every configuration change of the fleet.
 */
export class ServerReadiness implements Readiness {
  readonly #source: StateSource;
  #grpcAddress: string | undefined;
  #stopping = false;

  constructor(source: StateSource) {
    this.#source = source;
  }

  grpcIsBound(address: string): void {
    this.#grpcAddress = address;
  }

  stopping(): void {
    this.#stopping = true;
  }

  check() {
    const { name, synced, detail, problems, ageSeconds } = this.#source.status();
    const bound = this.#grpcAddress !== undefined && !this.#stopping;
    const boundDetail = this.#stopping ? 'stopping' : 'not bound yet';
    const checks: Check[] = [
      { name: 'grpc', ok: bound, detail: bound ? (this.#grpcAddress ?? '') : boundDetail },
      { name: `state ${name}`, ok: synced, detail },
      ...problems.map((problem) => ({
        name: `state ${name} (the last good state is in use, ${Math.round(ageSeconds)} s old)`,
        ok: false,
        detail: formatProblem(problem),
      })),
    ];
    return { ready: bound && synced, checks };
  }
}
