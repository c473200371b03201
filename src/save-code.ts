// The last step of a build: starts `offramp serve`, calls its hook once, and keeps the code that V8 made of
// what ran, for starts with the flags that this has.
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileProgram, runProgram, saveCode } from './process/compiled-program.ts';

const patienceMs = 30_000;

const recorded = join(import.meta.dirname, '../examples/demo/post-translate-modify.binpb');
const folder = mkdtempSync(join(tmpdir(), 'offramp-code-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const socket = join(folder, 'offramp.sock');
const config = join(folder, 'offramp.yaml');
const settings = {
  grpc: { address: `unix:${socket}` },
  http: { address: '127.0.0.1:0' },
  state: { file: { path: 'state.yaml' } },
  log: { level: 'error' },
};
writeFileSync(join(folder, 'state.yaml'), 'connectors: []\n');
writeFileSync(config, JSON.stringify(settings));

process.argv = [process.execPath, 'offramp', 'serve', '--config', config];
stopTheClock();
const program = compileProgram();
runProgram(program);
await listening();
await callHook(readFileSync(recorded));
saveCode(program);
process.exit();

/** What a program does by the clock would be among what ran on a slow machine, and not on a fast one. */
function stopTheClock(): void {
  const { setInterval, setTimeout } = globalThis;
  const nothing = () => undefined;
  Object.assign(globalThis, {
    setInterval: (_: unknown, delay: number) => setInterval(nothing, delay),
    setTimeout: (_: unknown, delay: number) => setTimeout(nothing, delay),
  });
}

async function listening(): Promise<void> {
  const started = performance.now();
  while (!existsSync(socket)) {
    // When it fails it has said why.
    const isOver = process.exitCode !== undefined || performance.now() - started > patienceMs;
    if (isOver) throw new Error('offramp serve does not start');
    await sleep(10);
  }
}

/** By hand, since a client of the program’s own would be code that `serve` does not run. */
async function callHook(request: Buffer): Promise<void> {
  const session = connect('http://localhost', { createConnection: () => createConnection(socket) });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let answer: IncomingHttpHeaders = {};
  const note = (headers: IncomingHttpHeaders) => {
    answer = headers;
  };
  stream.on('response', note).on('trailers', note).resume(); // an error comes without trailers
  const head = Buffer.alloc(5); // not compressed, and how long it is
  head.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([head, request]));
  await once(stream, 'close');
  if (answer['grpc-status'] !== '0') {
    throw new Error(`the hook answers a recorded request with ${JSON.stringify(answer)}`);
  }
}
