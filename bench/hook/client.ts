import { join } from 'node:path';
import { Program } from './program.ts';

/** One call of the hook, seen by its client. */
export interface Call {
  readonly milliseconds: number;
  readonly bytes: number;
}

/** The process that calls the contenders, one after the other, over connections that stay open. */
export class HookClient {
  readonly #program: Program;

  /** Envoy Gateway's own gRPC library where there is Go, else grpc-js. */
  constructor(goProgram: string | undefined, requestFile: string) {
    const inNode = [process.execPath, join(import.meta.dirname, 'node-client.js')];
    this.#program = new Program([
      ...(goProgram === undefined ? inNode : [goProgram, 'client']),
      requestFile,
    ]);
  }

  /** Calls once; `file` gets the answer. Throws gRPC's error. */
  async call(address: string, file?: string): Promise<Call> {
    this.#program.send(file === undefined ? address : `${address} ${file}`);
    const line = await this.#program.line();
    const [, milliseconds, bytes] = /^ok ([\d.]+) (\d+)$/.exec(line) ?? [];
    if (milliseconds === undefined) throw new Error(`${address}: ${line}`);
    return { milliseconds: Number(milliseconds), bytes: Number(bytes) };
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
