import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { RECIPES, type TestbedTool } from './testbed-recipes.ts';
import { type EnvoyGatewayRelease, TESTBED_RELEASE } from './testbed-versions.ts';

/** Takes one line of progress, without its newline. */
export type PrintLine = (line: string) => void;

const PROGRESS_INTERVAL_MS = 15_000;

/** The folder that holds the built programs, kept between runs and shared by checkouts. */
export function testbedFolder(): string {
  const cacheHome = process.env.XDG_CACHE_HOME;
  const base =
    cacheHome === undefined || cacheHome === '' ? path.join(os.homedir(), '.cache') : cacheHome;
  return path.join(base, 'offramp', 'testbed');
}

/** Where `tool` is once it has been prepared; says nothing about whether it is there. */
export function testbedToolPath(tool: TestbedTool, release = TESTBED_RELEASE): string {
  return path.join(toolFolder(tool, release), RECIPES[tool].product ?? path.join('bin', tool));
}

/**
 * Finds or builds each of `tools` as `release` needs it. The first run takes about 15 minutes on two
 * cores, a later one no time. Throws an Error that says what to install when a toolchain is missing.
 */
export async function prepareTestbed(
  tools: readonly TestbedTool[],
  release = TESTBED_RELEASE,
  printLine: PrintLine = (line) => process.stderr.write(`${line}\n`),
): Promise<void> {
  for (const tool of tools) {
    await prepareTool(tool, release, printLine);
  }
}

function toolFolder(tool: TestbedTool, release: EnvoyGatewayRelease): string {
  return path.join(testbedFolder(), `${tool}-${RECIPES[tool].version(release)}`);
}

async function prepareTool(
  tool: TestbedTool,
  release: EnvoyGatewayRelease,
  printLine: PrintLine,
): Promise<void> {
  if (await exists(testbedToolPath(tool, release))) return;
  const { expectation, build } = RECIPES[tool];
  const version = RECIPES[tool].version(release);
  await mkdir(testbedFolder(), { recursive: true });
  // On the same file system as its destination, so that the rename at the end is atomic.
  const unfinished = await mkdtemp(path.join(testbedFolder(), `.building-${tool}-`));
  const title = `testbed: building ${tool} ${version} (${expectation})`;
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1000)}s`;
  printLine(`${title} ...`);
  const ticker = setInterval(() => printLine(`${title} ... ${seconds()}`), PROGRESS_INTERVAL_MS);
  try {
    await build(unfinished, version);
    await renameUnlessTaken(unfinished, toolFolder(tool, release));
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

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
