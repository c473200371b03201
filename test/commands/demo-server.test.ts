import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startDemoServer } from '../../src/commands/demo-server.ts';
import { configSchema } from '../../src/config/schema.ts';

function makeFolder(state: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-demo-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'connectors.yaml'), state);
  return folder;
}

/** A line that each start writes, also one that fails. */
function countStarts(logged: readonly string[]): number {
  return logged.filter((line) => line.includes('no-such-exporter')).length;
}

describe('the demo’s server', () => {
  it('takes a free HTTP port where another process has the default one', async () => {
    const [, host, port] = /^(.*):(\d+)$/.exec(configSchema.parse({}).http.address) ?? [];
    const blocker = createServer().listen(Number(port), host);
    onTestFinished(() => void blocker.close());
    await once(blocker, 'listening').catch(() => undefined); // taken either way
    const offramp = await startDemoServer(makeFolder('connectors: []'), []);
    onTestFinished(() => offramp.stop());
    expect(offramp.httpAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(offramp.httpAddress.endsWith(`:${port}`)).toBe(false);
    expect((await fetch(`http://${offramp.httpAddress}/healthz`)).status).toBe(200);
  });

  it('is not started again for any other reason, and says the first', async () => {
    vi.stubEnv('OTEL_TRACES_EXPORTER', 'no-such-exporter');
    onTestFinished(() => void vi.unstubAllEnvs());
    const logged: string[] = [];
    const started = startDemoServer(makeFolder('connectors: 1'), logged);
    await expect(started).rejects.toMatchObject({ code: 'state-invalid' });
    expect(countStarts(logged)).toBe(1);
  });
});
