import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { withFreePorts } from '../support/free-port-configuration.ts';

/** Has a program say at its end which packages it loaded file by file. */
const tellPackages =
  'data:text/javascript,import m from "node:module";process.on("exit",()=>console.log("packages",' +
  'JSON.stringify(Object.keys(m._cache).filter((file)=>file.includes("node_modules")))))';

/** The packages whose files a server has loaded, at its end, when it is started with these variables. */
async function loadedPackages(variables: Readonly<Record<string, string>>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-start-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'offramp.yaml');
  writeFileSync(config, stringify(withFreePorts({})));
  const args = ['--import', tellPackages, 'dist/main.js', 'serve', '--config', config];
  const offramp = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  });
  const exited = once(offramp, 'exit');
  const said: string[] = [];
  for await (const line of createInterface({ input: offramp.stdout })) {
    said.push(line);
    if (line.includes('"serving"')) offramp.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
  const [, files = ''] = /^packages (.*)/.exec(said.at(-1) ?? '') ?? [];
  return z.array(z.string()).parse(JSON.parse(files));
}

describe('the start of `offramp serve`', () => {
  it('waits for no file of node_modules when the state is a file', async () => {
    expect(await loadedPackages({})).toEqual([]);
  });

  it('loads OpenTelemetry when traces are wanted', async () => {
    const files = await loadedPackages({ OTEL_TRACES_EXPORTER: 'console' });
    expect(files.some((file) => file.includes('/@opentelemetry/sdk-trace-base/'))).toBe(true);
  });
});
