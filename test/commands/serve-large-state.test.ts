import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { withFreePorts } from '../support/free-port-configuration.ts';

const fourMegabytes = 4_190_000;

function fill(head: string, one: (at: number) => string, tail: string): string {
  const parts = [head];
  let length = head.length + tail.length;
  for (let at = 0; length + one(at).length <= fourMegabytes; at++) {
    length += one(at).length;
    parts.push(one(at));
  }
  return [...parts, tail].join('');
}

interface Line {
  readonly msg: string;
  readonly http?: string;
  readonly problems?: readonly string[];
}

/** A server as a process of its own. */
function startServer() {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-large-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'offramp.yaml');
  const state = join(folder, 'connectors.yaml');
  const settings = {
    watchdog: { blockedFor: '120s' },
    state: { file: { path: 'connectors.yaml' } },
  };
  writeFileSync(config, stringify(withFreePorts(settings)));
  writeFileSync(state, 'connectors: [{name: one, online: false}]\n');
  const args = ['dist/main.js', 'serve', '--config', config];
  const offramp = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void offramp.kill('SIGKILL'));
  const ended = once(offramp, 'exit');
  const lines = createInterface({ input: offramp.stdout })[Symbol.asyncIterator]();
  const said = async (wanted: (line: Line) => boolean): Promise<Line> => {
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const line: Line = JSON.parse(next.value);
      if (wanted(line)) return line;
    }
    throw new Error('the server ended');
  };
  const replace = (text: string) => {
    writeFileSync(`${state}.new`, text);
    renameSync(`${state}.new`, state);
  };
  return { offramp, ended, said, replace };
}

/** Asks again and again until the server said that; counts the answers that were given before. */
async function answersUntil(url: string, said: Promise<Line>): Promise<{ whileReading: number }> {
  let whileReading = 0;
  let isOver = false;
  const over = said.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    if ((await answer.text()).includes('reading a new state file')) whileReading++;
    await sleep(20);
  }
  await over;
  return { whileReading };
}

describe('`offramp serve` with a state file of four megabytes', () => {
  it.each([
    {
      what: 'takes a valid one over',
      text: fill('connectors: [{name: a, online: false, clusters: [', (at) => `c${at}, `, ']}]'),
      told: (line: Line) => line.msg === 'state file read',
    },
    {
      what: 'keeps the last good state over an invalid one',
      text: fill('connectors: [', () => '{nam: c},', ']'),
      told: ({ problems }: Line) => problems !== undefined,
    },
  ])(
    '$what, and answers all the time',
    async ({ text, told }) => {
      const { offramp, ended, said, replace } = startServer();
      const { http } = await said(({ msg }) => msg === 'serving');
      replace(text);
      const readiness = `http://${http}/readyz?verbose`;
      const { whileReading } = await answersUntil(readiness, said(told));
      // In one stretch there would be none: before it the file is not being read, and after it it was.
      expect(whileReading).toBeGreaterThan(2);
      const page = await (await fetch(readiness)).text();
      expect(page).toContain('1 connectors');
      offramp.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    },
    120_000,
  );
});
