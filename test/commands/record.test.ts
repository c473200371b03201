import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { withFreePorts } from '../support/free-port-configuration.ts';
import { callExtension } from '../support/running-server.ts';
import { encodeRequest } from '../support/xds.ts';

const top = join(import.meta.dirname, '..', '..');
const main = join(top, 'dist', 'main.js');
const demo = join(top, 'examples', 'demo');
const captured = readFileSync(join(demo, 'post-translate-modify.binpb'));
const privateKey = 'not a real private key';
const secret = encodeRequest({
  secrets: [{ name: 'eg-https', tls_certificate: { private_key: { inline_string: privateKey } } }],
});
/** What a real Envoy Gateway sent, with a secret in front and one behind. */
const request = Buffer.concat([secret, captured, secret]);

const servingSchema = z.object({ msg: z.literal('serving'), grpc: z.string(), http: z.string() });

/** A folder with a configuration and the demo's state; recordings go into another one in it. */
function scene() {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-record-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'offramp.yaml');
  writeFileSync(config, stringify(withFreePorts({ log: { level: 'debug' } })));
  writeFileSync(join(folder, 'connectors.yaml'), readFileSync(join(demo, 'connectors.yaml')));
  const recordings = join(folder, 'recordings');
  const files = () => readdirSync(recordings).toSorted();
  const explain = (file: string) =>
    spawnSync(process.execPath, [main, 'explain', file, '-c', config, '-o', 'binpb']).stdout;
  return { folder, config, recordings, files, explain };
}

/** `offramp serve` with these flags, as a process; `limit` is a line for the shell in front. */
async function serve(config: string, flags: readonly string[], limit = ':') {
  const command = [process.execPath, main, 'serve', '-c', config, ...flags];
  const server = spawn('sh', ['-c', `${limit}; exec "$@"`, 'sh', ...command]);
  onTestFinished(() => void server.kill('SIGKILL'));
  const log: string[] = [];
  server.stdout.on('data', (chunk) => log.push(...String(chunk).trim().split('\n')));
  const { grpc, http } = await vi.waitFor(
    () => servingSchema.parse(JSON.parse(log.find((line) => line.includes('"serving"')) ?? '{}')),
    20_000,
  );
  return {
    log,
    process: server,
    call: (bytes: Uint8Array) => callExtension(grpc, 'PostTranslateModify', bytes),
    metrics: async () => (await fetch(`http://${http}/metrics`)).text(),
  };
}

function exitOf(server: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => server.once('exit', resolve));
}

describe('serve --record', () => {
  it('saves what arrived but for secrets, and explain answers it as the hook did', async () => {
    const { config, recordings, files, explain } = scene();
    const server = await serve(config, ['--record', recordings]);
    const answer = await server.call(request);
    expect(answer.includes('Tunnel not online')).toBe(true);
    expect(answer.includes(privateKey)).toBe(true);
    await vi.waitFor(
      async () => expect(await server.metrics()).toContain('recordings_total{outcome="ok"} 1'),
      20_000,
    );
    const [file = ''] = files();
    expect(file).toMatch(/^offramp-.*-000001\.binpb\.gz$/);
    const recording = gunzipSync(readFileSync(join(recordings, file)));
    expect(recording.equals(captured)).toBe(true);
    const hook = await server.call(captured);
    expect(explain(join(recordings, file)).equals(hook)).toBe(true);
    expect(statSync(join(recordings, file)).mode & 0o777).toBe(0o600);
    expect(statSync(recordings).mode & 0o777).toBe(0o700);
  });

  it('keeps every byte with --record-secrets, and warns', async () => {
    const { config, recordings, files, explain } = scene();
    const server = await serve(config, ['--record', recordings, '--record-secrets']);
    const answer = await server.call(request);
    await vi.waitFor(() => expect(files()).toEqual([expect.stringMatching(/gz$/)]), 20_000);
    const file = join(recordings, files()[0] ?? '');
    expect(gunzipSync(readFileSync(file)).equals(request)).toBe(true);
    expect(explain(file).equals(answer)).toBe(true);
    expect(server.log.some((line) => line.includes('with their secrets: private keys'))).toBe(true);
  });

  it('keeps as many as asked', async () => {
    const { config, recordings, files } = scene();
    const flags = ['--record', recordings, '--record-max-files', '2', '--record-max-bytes', '1Mi'];
    const server = await serve(config, flags);
    for (const count of [1, 2, 3, 4]) {
      await server.call(captured);
      await vi.waitFor(
        async () =>
          expect(await server.metrics()).toContain(`{outcome="ok"} ${count}\nofframp_rec`),
        20_000,
      );
    }
    expect(files()).toEqual([
      expect.stringMatching(/-000003\.binpb\.gz$/),
      expect.stringMatching(/-000004\.binpb\.gz$/),
    ]);
  });

  it('answers as ever when the disk refuses, counts it, says so once, and recovers', async () => {
    const { config, recordings, files, explain } = scene();
    // No file may grow beyond one block, of 512 or 1,024 bytes: a write fails half-way, as on a
    // full disk.
    const server = await serve(config, ['--record', recordings], 'ulimit -f 1');
    const expected = explain(join(demo, 'post-translate-modify.binpb'));
    expect(expected.includes('Tunnel not online')).toBe(true);
    for (const count of [1, 2, 3]) {
      expect((await server.call(captured)).equals(expected)).toBe(true);
      await vi.waitFor(
        async () =>
          expect(await server.metrics()).toContain(`recordings_total{outcome="failed"} ${count}`),
        20_000,
      );
    }
    expect(files()).toEqual([]);
    const told = () => server.log.filter((line) => line.includes('could not be recorded'));
    expect(told()).toEqual([expect.stringContaining('EFBIG')]);
    await server.call(new Uint8Array()); // small enough
    await vi.waitFor(() => expect(files()).toHaveLength(1), 20_000);
    await vi.waitFor(
      () => expect(server.log.some((line) => line.includes('recorded again'))).toBe(true),
      20_000,
    );
  });

  it('finishes the write in flight when it is asked to end', async () => {
    const { config, recordings, files } = scene();
    const server = await serve(config, ['--record', recordings]);
    const ended = exitOf(server.process);
    const content = randomBytes(8e6).toString('latin1');
    const large = encodeRequest({ clusters: [{ name: content }] });
    await server.call(large);
    server.process.kill('SIGTERM');
    expect(await ended).toBe(0);
    const told = server.log.flatMap((line) => /"(recorded|stopped)"/.exec(line)?.[1] ?? []);
    expect(told).toEqual(['recorded', 'stopped']);
    expect(files()).toHaveLength(1);
    const recording = gunzipSync(readFileSync(join(recordings, files()[0] ?? '')));
    expect(recording.equals(large)).toBe(true);
  });

  it.each([
    ['a folder that cannot be made', ['--record', main], /ENOTDIR.*name a folder that Offramp may/],
    ['a limit without a folder', ['--record-max-files', '3'], /without --record DIR/],
    ['secrets without a folder', ['--record-secrets'], /without --record DIR/],
    ['no folder', ['--record', ''], /--record: name a folder/],
    ['no files', ['--record', '.', '--record-max-files', '0'], /expected a number from 1/],
    ['no number', ['--record', '.', '--record-max-files', 'few'], /-files few: expected a number/],
    ['no size', ['--record', '.', '--record-max-bytes', '0'], /expected bytes, or a size like/],
    [
      'a foreign unit',
      ['--record', '.', '--record-max-bytes', '5MB'],
      /-bytes 5MB: expected bytes/,
    ],
  ])('answers 2 and the reason to %s', (_what, flags, reason) => {
    const { config } = scene();
    const { status, stderr } = spawnSync(
      process.execPath,
      [main, 'serve', '-c', config, ...flags],
      {
        encoding: 'utf8',
        timeout: 30_000,
      },
    );
    expect(stderr).toMatch(reason);
    expect(status).toBe(2);
  });
});
