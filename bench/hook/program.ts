import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A process of the benchmark, and the lines that it prints. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(command: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error(`${file} has no output`);
    stderr.on('data', (chunk) => {
      this.#errors += String(chunk);
    });
    this.#child.on('error', (error) => {
      this.#errors += error.message;
    });
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** The next line of its output. Throws when it ends instead. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#child.spawnfile} ended: ${this.#errors}`);
    return value;
  }

  /** The first line that has this in it. */
  async lineWith(text: string): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (line.includes(text)) return line;
    }
  }

  /** Throws when it could not be started. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#child.spawnfile}: ${this.#errors}`);
    return this.#child.pid;
  }

  send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Bytes that its memory held at its fullest (`peak`) or holds now; undefined outside Linux. */
  memory(which: 'peak' | 'now'): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      const found = new RegExp(`^${which === 'peak' ? 'VmHWM' : 'VmRSS'}:\\s+(\\d+) kB`, 'm');
      return Number(found.exec(status)?.[1]) * 1024;
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    const force = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(force);
  }
}
