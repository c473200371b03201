// The last step of a build: starts `offramp serve`, calls its hook once, and keeps the code that V8 made of
// what ran, for starts with the flags that this has.
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileProgram, runProgram, saveCode } from './process/compiled-program.ts';

/** Milliseconds; under emulation, for the image of another architecture, a start takes many seconds. */
const patience = 120_000;

const recorded = join(import.meta.dirname, '../examples/demo/post-translate-modify.binpb');
const folder = mkdtempSync(join(tmpdir(), 'offramp-code-'));
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
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
process.argv = [process.execPath, 'offramp', 'serve', '--config', config];

const program = compileProgram();
runProgram(program);
try {
  await listening();
  await callHook(readFileSync(recorded));
  saveCode(program);
} finally {
  process.kill(process.pid, 'SIGTERM');
}

async function listening(): Promise<void> {
  const started = performance.now();
  while (!existsSync(socket)) {
    if (performance.now() - started > patience) throw new Error('offramp serve does not start');
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
  const head = Buffer.alloc(5); // not compressed, and how long it is
  head.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([head, request]));
  stream.resume();
  const [trailers] = await once(stream, 'trailers');
  session.close();
  if (trailers['grpc-status'] !== '0') {
    throw new Error(`the hook answers a recorded request with ${JSON.stringify(trailers)}`);
  }
}
