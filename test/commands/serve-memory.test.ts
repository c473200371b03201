import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished, vi } from 'vitest';
import { stringify } from 'yaml';
import { concatenate, encodeField } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { captures } from '../support/captures.ts';
import { connectExtension } from '../support/extension-connection.ts';
import { withFreePorts } from '../support/free-port-configuration.ts';

interface ServingLine {
  readonly msg: string;
  readonly grpc: string;
  readonly http: string;
}

/** A server as a process of its own, whose memory is nobody else's. */
async function startServer(): Promise<ServingLine> {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-memory-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'offramp.yaml');
  writeFileSync(config, stringify(withFreePorts({})));
  const offramp = spawn(process.execPath, ['dist/main.js', 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void offramp.kill('SIGKILL'));
  for await (const text of createInterface({ input: offramp.stdout })) {
    const line: ServingLine = JSON.parse(text);
    if (line.msg === 'serving') return line;
  }
  throw new Error('the server ended');
}

async function externalMegabytes(http: string): Promise<number> {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  return Number(/^nodejs_external_memory_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20;
}

it('lets go of a large snapshot soon after it was answered', async () => {
  const { grpc, http } = await startServer();
  const megabytes = 90;
  const secret = new Uint8Array(megabytes * 2 ** 20);
  const large = encodeField(fields.PostTranslateModifyRequest.secrets, secret);
  const request = concatenate([large, ...captures.slice(0, 1).map((one) => one.request)]);
  const { call, close } = connectExtension(grpc);
  onTestFinished(close);
  const answer = await call('PostTranslateModify', request);
  expect(answer.length).toBeGreaterThan(large.length);
  const soon = { timeout: 5_000, interval: 100 };
  await vi.waitFor(
    async () => expect(await externalMegabytes(http)).toBeLessThan(megabytes / 2),
    soon,
  );
});
