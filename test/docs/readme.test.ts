import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import { parseYaml } from '../../src/config/yaml-file.ts';
import { checkEnvoyGateway } from '../../src/envoy-gateway/check-configuration.ts';
import { findConfigurations } from '../../src/envoy-gateway/find-configurations.ts';
import { summarize } from '../../src/observe/summary.ts';
import { emptyReport, type SkipReason } from '../../src/rewrites/report.ts';
import { parseStateFile } from '../../src/state/state-file.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = read('README.md');

describe('YAML in the README', () => {
  const blocks = codeBlocks('yaml');

  it.each(blocks.map((block) => [block.split('\n', 1)[0], block]))('%s … is valid', (_, block) => {
    expect(problemsOf(block)).toEqual([]);
  });

  it('has a block of each sort', () => {
    expect(new Set(blocks.map(sortOf))).toEqual(
      new Set(['configuration', 'state', 'extensionManager']),
    );
  });

  it('shows every option with its default, as does the example', () => {
    const whole = blocks.find((block) => block.startsWith('apiVersion: offramp.dev')) ?? '';
    expect(parse(whole)).toEqual(configSchema.parse({}));
    expect(parse(read('examples/offramp.yaml'))).toEqual(configSchema.parse({}));
  });

  it('shows the extensionManager of the example', () => {
    const shown: unknown = parse(
      blocks.find((block) => sortOf(block) === 'extensionManager') ?? '',
    );
    expect(parse(read('examples/envoy-gateway.yaml'))).toMatchObject(
      z.looseObject({}).parse(shown),
    );
  });
});

describe('commands in the README', () => {
  const commands = codeBlocks('sh').flatMap((block) => block.trim().split(/\n|&&/));
  const inProse = [...readme.matchAll(/`(np[mx] [^`]+|node dist[^`]+)`/g)].map((match) => match[1]);
  const words = [...commands, ...inProse.flatMap((text) => text?.split('&&') ?? [])]
    .map((command) => command.trim().replace(/^npx offramp|^node dist\/main\.js/, 'offramp'))
    .map((command) => command.split(/\s+/));
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(read('package.json')));
  const run = (args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'dist', 'main.js'), ...args], {
      cwd: root,
      encoding: 'utf8',
    });

  it.each(words.filter(isForClusters).map((one) => [one.join(' ')]))(
    '%s is in the runbook, which the end-to-end tests run',
    (command) => {
      expect(read('docs/runbook.md').split('\n')).toContain(command);
    },
  );

  const local = words.filter((one) => one[0] !== 'offramp' && !isForClusters(one));
  it.each(local.map((one) => [one.join(' '), one]))(
    '%s is there',
    (_, [program, verb, script = '']) => {
      expect(program).toBe('npm');
      if (verb === 'run') expect(Object.keys(scripts)).toContain(script);
      else if (verb === 'test') expect(Object.keys(scripts)).toContain(verb);
      else expect(verb).toBe('ci');
    },
  );

  it.each(
    words
      .filter(([program, command]) => program === 'offramp' && command !== 'serve')
      .map(([, ...args]) => [args.join(' '), args]),
  )('offramp %s ends with 0', (_, args) => {
    const { status, stderr } = run(args);
    expect(status, stderr).toBe(0);
  });

  it('serves with an example that exists', () => {
    const serves = words.filter(
      ([program, command]) => program === 'offramp' && command === 'serve',
    );
    expect(serves.length).toBeGreaterThan(0);
    for (const [, , option, file = ''] of serves) {
      expect(option).toBe('--config');
      expect(existsSync(join(root, file))).toBe(true);
    }
  });

  it('has a row for each command, with each of its long options', () => {
    const rows = tableUnder('## Commands').map(([usage = '']) => unquote(usage));
    const listed = [...run(['--help']).stdout.matchAll(/^ {2}([a-z]+) [[<]/gm)]
      .map(([, command = '']) => command)
      .filter((command) => command !== 'help');
    expect(rows.map((usage) => usage.split(' ')[1])).toEqual(expect.arrayContaining(listed));
    for (const usage of rows.filter((row) => row.startsWith('offramp '))) {
      const { stdout } = run([usage.split(' ')[1] ?? '', '--help']);
      expect(longOptions(usage)).toEqual(longOptions(stdout).filter((one) => one !== '--help'));
    }
  });

  it('has a row for each flag about recording, with its default', () => {
    const help = run(['serve', '--help']).stdout;
    const flags = help
      .split('\n')
      .flatMap((line) => /^ +(--record\S*)(?:.*\(default: (\w+)\))?/.exec(line)?.slice(1, 3) ?? []);
    const rows = tableUnder('### Record hook requests').flatMap(([flag = '', value = '']) => [
      unquote(flag).split(' ')[0],
      value === 'off' ? undefined : unquote(value),
    ]);
    expect(rows).toEqual(flags);
    expect(rows).toHaveLength(8);
  });

  it('shows a demo that ends by itself', () => {
    const { status, stdout } = run(['demo', '--once']);
    expect(status).toBe(0);
    expect(stdout).toContain('Tunnel not online');
    expect(stdout).toContain('Metrics that moved:');
    expect(stdout).toContain('"msg":"PostTranslateModify"');
  });
});

describe('reference tables', () => {
  it('has a row for each field of the log line', () => {
    const fields = Object.keys(summarize(readSnapshot(new Uint8Array()), emptyReport));
    const ofTheHook = ['skips', 'mode', 'duration_ms', 'snapshot_bytes', 'trace_id'];
    const rows = tableUnder('## The log line').flatMap(([names = '']) => names.split(', '));
    expect(rows.map(unquote).sort()).toEqual([...fields, ...ofTheHook].sort());
  });

  it('has a row for each reason to skip', () => {
    const reasons = {
      'ambiguous-encoding': true,
      'backend-refs-unknown': true,
      'cluster-header': true,
      'cluster-missing': true,
      'connect-authentication': true,
      'control-plane-authentication': true,
      'control-plane-missing': true,
      'custom-cluster-missing': true,
      'domain-taken': true,
      'endpoints-unknown': true,
      'fallback-route-missing': true,
      'fallback-rule-missing': true,
      'fallback-without-listener': true,
      'former-protocol-options': true,
      'inline-cluster-specifier': true,
      'inline-routes': true,
      'internal-redirect-policy': true,
      'invariant-cluster-missing': true,
      'invariant-direct-response': true,
      'invariant-domains': true,
      'invariant-filters': true,
      'invariant-name': true,
      'invariant-resource-lost': true,
      'invariant-route-action': true,
      'invariant-unreadable': true,
      'invariant-upgrades': true,
      'invariant-weights': true,
      'malformed-resource': true,
      'merged-cluster': true,
      'policy-not-understood': true,
      'policy-overruled': true,
      'shared-cluster': true,
      'total-weight': true,
      'unparsable-route-name': true,
      'validate-clusters': true,
      'virtual-host-matcher': true,
      'weights-disagree': true,
    } as const satisfies Record<SkipReason, true>;
    const rows = tableUnder('### Left alone, and reported').map(([reason = '']) => unquote(reason));
    expect(rows).toEqual(Object.keys(reasons));
  });
});

type Sort = 'configuration' | 'state' | 'extensionManager';

function sortOf(block: string): Sort {
  if (block.startsWith('connectors:\n  - ')) return 'state';
  if (block.startsWith('extensionManager:')) return 'extensionManager';
  return 'configuration';
}

function problemsOf(block: string): readonly unknown[] {
  const sort = sortOf(block);
  if (sort === 'state') {
    const parsed = parseStateFile('README.md', block);
    return parsed.ok ? [] : parsed.problems;
  }
  if (sort === 'extensionManager') return findingsOf(block);
  const parsed = parseYaml('README.md', block, configSchema);
  return parsed.ok ? [] : parsed.problems;
}

/** A block that says only where Offramp is goes with the one that says the rest. */
function findingsOf(block: string): readonly unknown[] {
  const snippet = z.looseObject({ extensionManager: z.looseObject({}) });
  const whole = snippet.parse(parse(read('examples/envoy-gateway.yaml')));
  const { extensionManager } = snippet.parse(parse(block));
  const merged = { extensionManager: { ...whole.extensionManager, ...extensionManager } };
  const { configurations } = findConfigurations('README.md', stringify(merged));
  expect(configurations).toHaveLength(1);
  return configurations.flatMap((one) => checkEnvoyGateway(one, '/srv/offramp'));
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function codeBlocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? '');
}

/** The cells of the first table at or after a text, row by row, without its head. */
function tableUnder(text: string): string[][] {
  const start = readme.indexOf(text);
  expect(start).toBeGreaterThanOrEqual(0);
  const table = /^\|.*\n\|[ |-]+\n((?:\|.*\n)+)/m.exec(readme.slice(start))?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .map((row) =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function isForClusters([program = '']: readonly string[]): boolean {
  return program === 'helm' || program === 'kubectl';
}

function unquote(cell: string): string {
  return cell.replace(/^`|`$/g, '');
}

function longOptions(text: string): string[] {
  return [...new Set([...text.matchAll(/--[a-z]+(?:-[a-z]+)*/g)].map(([option]) => option))];
}
