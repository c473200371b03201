import type { Check } from '../observe/check.ts';
import type { StateSource } from '../state/source.ts';

/** Whether hook calls can be answered, and why or why not. */
export interface Readiness {
  check(): {
    readonly ready: boolean;
    readonly checks: readonly Check[];
    /** Told to whoever asks for more; readiness does not depend on it. */
    readonly worthKnowing: readonly Check[];
  };
}

/** Tells of something that readiness does not depend on. */
export interface Checked {
  checks(): readonly Check[];
}

/**
 * Ready means: gRPC is bound, the state was read once, and nobody asked us to stop. A state that
 * cannot be read anew is told, but does not end readiness: the last good state is in use, and
 * an Offramp that is not ready would block every configuration change of the fleet.
 */
export class ServerReadiness implements Readiness {
  readonly #source: StateSource;
  readonly #beside: Checked | undefined;
  #grpcAddress: string | undefined;
  #stopping = false;

  constructor(source: StateSource, beside?: Checked) {
    this.#source = source;
    this.#beside = beside;
  }

  grpcIsBound(address: string): void {
    this.#grpcAddress = address;
  }

  stopping(): void {
    this.#stopping = true;
  }

  check() {
    const { name, synced, detail, problems, ageSeconds, ...rest } = this.#source.status();
    const bound = this.#grpcAddress !== undefined && !this.#stopping;
    const boundDetail = this.#stopping ? 'stopping' : 'not bound yet';
    const checks: Check[] = [
      { name: 'grpc', ok: bound, detail: bound ? (this.#grpcAddress ?? '') : boundDetail },
      { name: `state ${name}`, ok: synced, detail },
    ];
    const worthKnowing: Check[] = [
      ...problems.map((problem) => ({
        name: `state ${name} (the last good state is in use, ${Math.round(ageSeconds)} s old)`,
        ok: false,
        detail: problem,
      })),
      ...rest.checks,
      ...(this.#beside?.checks() ?? []),
    ];
    return { ready: bound && synced, checks, worthKnowing };
  }
}
