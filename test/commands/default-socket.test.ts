import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { callExtension } from '../support/running-server.ts';
import { encodeRequest } from '../support/xds.ts';

const main = resolve('dist', 'main.js');
const servingSchema = z.looseObject({ grpc: z.string() });
const findingsSchema = z.object({
  findings: z.array(
    z.looseObject({ code: z.string(), level: z.string(), yaml: z.string().optional() }),
  ),
});

/** A folder to start Offramp in, with a configuration that says nothing of gRPC. */
function makeFolder(): { readonly folder: string; readonly config: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'offramp-socket-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'offramp.yaml');
  writeFileSync(config, 'http: { address: 127.0.0.1:0 }\n');
  return { folder, config };
}

/** Starts `offramp serve` in a folder, with a umask; answers where it listens, and how to end it. */
async function serveIn(folder: string, config: string, umask: string) {
  const command = [process.execPath, main, 'serve', '--config', config];
  const offramp = spawn('sh', ['-c', `umask ${umask}; exec "$@"`, 'sh', ...command], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void offramp.kill('SIGKILL'));
  const exited = once(offramp, 'exit');
  for await (const line of createInterface({ input: offramp.stdout })) {
    if (!line.includes('"serving"')) continue;
    const stop = async () => {
      offramp.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    };
    return { address: servingSchema.parse(JSON.parse(line)).grpc, stop };
  }
  throw new Error('offramp did not come up');
}

const rightsOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** What another user gets who connects; only root can become one. */
async function connectAsNobody(path: string): Promise<string> {
  const program = `require('node:net').connect(process.argv[1])
    .once('connect', function () { console.log('connected'); this.destroy(); })
    .once('error', ({ code }) => console.log(code));`;
  const nobody = 65_534;
  const child = spawn(process.execPath, ['-e', program, path], {
    ...{ uid: nobody, gid: nobody, cwd: '/' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return (await text(child.stdout)).trim();
}

describe('an Offramp that is told nothing of gRPC', () => {
  it('takes calls at a socket in the folder that it is started in, and tells the whole path', async () => {
    const { folder, config } = makeFolder();
    const socket = join(folder, 'run', 'offramp.sock');
    const { address, stop } = await serveIn(folder, config, '022');
    expect(address).toBe(`unix:${socket}`);
    const request = encodeRequest({ clusters: [{ name: 'app' }] });
    const answer = await callExtension(address, 'PostTranslateModify', request);
    expect(answer.includes('app')).toBe(true);
    await stop();
    expect(existsSync(socket)).toBe(false);
  });

  it.each([
    ['022', '750', '755'],
    ['002', '770', '775'],
    ['000', '770', '777'],
    ['077', '700', '700'],
  ])('keeps other users out with umask %s', async (umask, ofFolder, ofSocket) => {
    const { folder, config } = makeFolder();
    const { address, stop } = await serveIn(folder, config, umask);
    expect(rightsOf(join(folder, 'run'))).toBe(ofFolder);
    expect(rightsOf(join(folder, 'run', 'offramp.sock'))).toBe(ofSocket);
    if (process.getuid?.() === 0) {
      chmodSync(folder, 0o755); // so that it is not this folder that keeps them out
      const open = join(folder, 'open.sock');
      const everybodys = createServer().listen(open);
      await once(everybodys, 'listening');
      chmodSync(open, 0o777);
      expect(await connectAsNobody(open)).toBe('connected');
      expect(await connectAsNobody(address.replace('unix:', ''))).toBe('EACCES');
      everybodys.close();
    }
    await stop();
  });

  it('leaves the rights of a folder that is there to whoever made it', async () => {
    const { folder, config } = makeFolder();
    mkdirSync(join(folder, 'run'), { mode: 0o711 });
    const { stop } = await serveIn(folder, config, '022');
    expect(rightsOf(join(folder, 'run'))).toBe('711');
    await stop();
  });

  it('is called there by an Envoy Gateway with the YAML that check gives in that folder', () => {
    const { folder, config } = makeFolder();
    const theirs = join(folder, 'envoy-gateway.yaml');
    const head = 'apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyGateway\n';
    const check = () => {
      const args = [main, 'check', config, theirs, '--output', 'json'];
      const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
      return findingsSchema.parse(JSON.parse(stdout)).findings;
    };
    writeFileSync(theirs, head);
    const [missing] = check().filter(({ code }) => code === 'no-extension-manager');
    expect(parse(missing?.yaml ?? '')).toMatchObject({
      extensionManager: { service: { unix: { path: join(folder, 'run', 'offramp.sock') } } },
    });
    writeFileSync(theirs, head + missing?.yaml);
    expect(check().filter(({ level }) => level === 'error')).toEqual([]);
  });
});
