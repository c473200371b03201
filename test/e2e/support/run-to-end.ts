import { spawn } from 'node:child_process';
import process from 'node:process';

/** How a program is run that ends by itself. */
export interface RunToEndOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads on its standard input; nothing by default. */
  readonly input?: string;
  /** What a person has to install when the command does not exist. */
  readonly install?: string;
  /** Milliseconds after which it is killed; one minute by default. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
const ERRORS_KEPT = 4_000;

/** Runs a program and gives its standard output; throws with what it printed unless it exits with 0. */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: RunToEndOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const output: Buffer[] = [];
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-ERRORS_KEPT);
    });
    child.on('error', (cause) => {
      const advice = options.install === undefined ? '' : `; install ${options.install}`;
      reject(new Error(`testbed: cannot run ${command}${advice}`, { cause }));
    });
    child.on('close', (code, signal) => {
      const text = Buffer.concat(output).toString('utf8');
      if (code === 0) return resolve(text);
      const ending = signal === null ? `exit status ${code}` : `signal ${signal}`;
      const line = [command, ...args].join(' ');
      const printed = text.slice(-ERRORS_KEPT) + errors;
      reject(new Error(`testbed: \`${line}\` ended with ${ending}:\n${printed}`));
    });
    // A program that ends before it has read its input is judged by its ending.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}
