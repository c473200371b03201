import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { Program } from '../../bench/hook/program.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { testbedToolPath } from './support/testbed-cache.ts';
import { waitFor } from './support/wait-for.ts';

const run = promisify(execFile);
const outcomeSchema = z.object({ code: z.string(), message: z.string(), bytes: z.number() });

/** 7.4 MB: longer on its way than the deadline and the cancellation take. */
const { request } = makeFleet(1_000);
const state = { connectors: [] };
const config = { emptyBackends: { mode: 'Keep' } }; // so that the answer has the request's bytes
const method = 'envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify';

let folder = '';
let offramp: OfframpProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offramp-grpc-clients-'));
  writeFileSync(join(folder, 'request.binpb'), request);
  const source = join(import.meta.dirname, 'support', 'grpc-go');
  await run('go', ['build', '-o', join(folder, 'grpc-go'), '.'], { cwd: source });
  offramp = await startOfframpProcess(state, config);
});

afterAll(async () => {
  await offramp.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A client with one connection, on which it makes one call after the other. */
function connect({ port }: OfframpProcess) {
  const client = new Program([
    join(folder, 'grpc-go'),
    `127.0.0.1:${port}`,
    join(folder, 'request.binpb'),
  ]);
  const outcome = async () => outcomeSchema.parse(JSON.parse(await client.line()));
  const call = (what: string) => {
    client.send(what);
    return outcome();
  };
  return { call, stop: () => client.stop() };
}

const answered = { code: 'OK', message: '', bytes: request.length };

describe('a client with grpc-go', () => {
  it.each([
    ['deadline', { code: 'DeadlineExceeded' }],
    ['cancel', { code: 'Canceled' }],
    [
      'unknown compression',
      { code: 'Unimplemented', message: expect.stringMatching(/compress|encod/i) },
    ],
    ['too large', { code: 'ResourceExhausted' }],
    [
      'malformed',
      { code: 'InvalidArgument', message: expect.stringContaining('malformed-message: ') },
    ],
  ])(
    'gets its status for %s, and an answer to its next call on the same connection',
    async (what, status) => {
      const { call, stop } = connect(offramp);
      try {
        expect(await call('plain')).toEqual(answered);
        expect(await call(what)).toMatchObject(status);
        expect(await call('plain')).toEqual(answered);
      } finally {
        await stop();
      }
    },
  );

  it('may compress with gzip', async () => {
    const { call, stop } = connect(offramp);
    try {
      expect(await call('gzip')).toEqual(answered);
    } finally {
      await stop();
    }
  });

  it('keeps a quiet connection alive with pings', async () => {
    const { call, stop } = connect(offramp);
    try {
      expect(await call('plain')).toEqual(answered);
      expect(await call('after keepalive')).toEqual(answered);
    } finally {
      await stop();
    }
  }, 60_000);

  it('has its running call answered when the server stops, and is told to go', async () => {
    const stopping = await startOfframpProcess(state, config);
    const { call, stop } = connect(stopping);
    try {
      expect(await call('plain')).toEqual(answered);
      const running = call('plain');
      const isRunning = async () => {
        const text = await (await fetch(`${stopping.url}/metrics`)).text();
        return /grpc_server_started_total\{[^}]*PostTranslateModify[^}]*\} 2/.test(text);
      };
      await waitFor('the call to be running', isRunning, { timeoutMs: 10_000 });
      await stopping.stop();
      expect(await running).toEqual(answered);
      expect(await call('plain')).toMatchObject({ code: 'Unavailable' });
    } finally {
      await stop();
    }
  });
});

describe('grpcurl', () => {
  const grpcurl = (...args: string[]) =>
    run(testbedToolPath('grpcurl'), ['-plaintext', ...args], { timeout: 20_000 });

  it('reads the status from trailers', async () => {
    const address = `127.0.0.1:${offramp.port}`;
    const { stdout } = await grpcurl('-v', '-d', '{}', address, method);
    expect(stdout).toMatch(/Response headers received:\ncontent-type: application\/grpc/);
    expect(stdout).toContain('Response trailers received:');
    expect(stdout).toContain('Sent 1 request and received 1 response');
  });

  it('gets Unimplemented for a method that is not there', async () => {
    const proto = join(folder, 'other.proto');
    const text =
      'syntax = "proto3"; package envoygateway.extension; message M {} service EnvoyGatewayExtension { rpc Other(M) returns (M); }';
    writeFileSync(proto, text);
    const its = ['-import-path', folder, '-proto', 'other.proto', '-d', '{}'];
    const other = method.replace('PostTranslateModify', 'Other');
    await expect(grpcurl(...its, `127.0.0.1:${offramp.port}`, other)).rejects.toMatchObject({
      stderr: expect.stringContaining('Code: Unimplemented'),
    });
  });
});
