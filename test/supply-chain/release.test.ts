import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { root } from './lock-file.ts';

const stepSchema = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});

const jobSchema = z.looseObject({
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  permissions: z.record(z.string(), z.enum(['read', 'write'])),
  'timeout-minutes': z.number(),
  steps: z.array(stepSchema),
});

const workflowSchema = z.looseObject({
  on: z.strictObject({ push: z.strictObject({ tags: z.array(z.string()) }) }),
  permissions: z.strictObject({}),
  jobs: z.record(z.string(), jobSchema),
});

const text = read('.github/workflows/release.yml');
const { jobs } = workflowSchema.parse(parse(text));
const steps = Object.values(jobs).flatMap((job) => job.steps);

describe('the release workflow', () => {
  it('publishes nothing that has not passed the tests', () => {
    const before = (name: string): string[] => {
      const needs = [jobs[name]?.needs ?? []].flat();
      return [...needs, ...needs.flatMap(before)];
    };
    const others = Object.keys(jobs).filter((name) => name !== 'test');
    expect(others.filter((name) => !before(name).includes('test'))).toEqual([]);
    expect(jobs.test?.steps.at(-1)?.run).toBe('.ci/run');
  });

  it('names a version of each action that it uses', () => {
    const used = steps.flatMap(({ uses }) => uses ?? []);
    expect(used.length).toBeGreaterThan(5);
    expect(
      used.filter((one) => !/^[\w-]+\/[\w-]+@(?:v\d+(?:\.\d+)*|[0-9a-f]{40})$/.test(one)),
    ).toEqual([]);
  });

  it('lets the tests write nothing, and leaves no credentials in a checkout', () => {
    expect(jobs.test?.permissions).toEqual({ contents: 'read' });
    const checkouts = steps.filter(({ uses = '' }) => uses.startsWith('actions/checkout@'));
    expect(checkouts.length).toBe(Object.keys(jobs).length);
    for (const checkout of checkouts) expect(checkout.with?.['persist-credentials']).toBe(false);
  });

  it('puts nothing that others can name into a script', () => {
    expect(steps.filter(({ run = '' }) => run.includes('${{'))).toEqual([]);
  });

  it('signs image and chart by their digests, without a key', () => {
    const scripts = steps.flatMap(({ run }) => run ?? []).join('\n');
    expect(scripts.match(/^cosign sign --yes/gm)).toHaveLength(2);
    expect(scripts).not.toMatch(/--key|COSIGN_PASSWORD/);
    expect(scripts).toContain('cosign attest --yes --type cyclonedx');
    for (const name of ['image', 'chart'])
      expect(jobs[name]?.permissions['id-token']).toBe('write');
  });
});

describe('the image', () => {
  const dockerfile = read('Dockerfile').replaceAll('\\\n', ' ');
  const runs = [...dockerfile.matchAll(/^RUN (.*)$/gm)].map(([, command = '']) => command);

  it('gets its packages by the lock file, runs none of their scripts, and then has no network', () => {
    const [install, ...others] = runs;
    expect(install).toBe('npm ci --ignore-scripts');
    expect(others.length).toBeGreaterThan(0);
    expect(others.filter((command) => !command.startsWith('--network=none '))).toEqual([]);
    expect(dockerfile).not.toMatch(/^ADD /m);
  });

  it('stands on images that a release names by digest', () => {
    const images = [...dockerfile.matchAll(/^ARG (\w+_IMAGE)=(\S+)$/gm)].map(([, name]) => name);
    const stages = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?(\S+)(?: AS (\w+))?$/gm)];
    const bases = new Set(stages.map(([, base = '']) => base));
    const made = new Set(stages.map(([, , stage = '']) => stage));
    expect(dockerfile.match(/^FROM /gm)).toHaveLength(stages.length);
    expect([...bases].filter((base) => !made.has(base)).sort()).toEqual(
      images.map((name) => `\${${name}}`).sort(),
    );
    for (const name of images)
      expect(text).toMatch(new RegExp(`${name}=\\$\\{\\{ steps\\.facts\\.outputs`));
  });
});

describe('the changelog', () => {
  it('keeps to the form of Keep a Changelog', () => {
    const changelog = read('CHANGELOG.md');
    const versions = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading);
    expect(versions[0]).toBe('[Unreleased]');
    for (const heading of versions.slice(1))
      expect(heading).toMatch(/^\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/);
    const sorts = [...changelog.matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading);
    expect(sorts.length).toBeGreaterThan(0);
    const known = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
    expect(sorts.filter((sort) => !known.includes(sort))).toEqual([]);
  });
});

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
