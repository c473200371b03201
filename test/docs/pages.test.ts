import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownLevels } from '../../src/commands/check-output.ts';
import { levels } from '../../src/envoy-gateway/findings.ts';
import { type ErrorConsequence, errorTable } from '../../src/errors.ts';
import { headingsOf } from '../support/headings.ts';
import { registeredMetrics } from '../support/registered-metrics.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = ['.', 'docs', 'deploy'].flatMap((top) => markdownIn(top, top !== '.')).sort();

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('links to files and headings that are there', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !leadsSomewhere(page, link))).toEqual([]);
  });

  it('names only metrics that are there', () => {
    const known = new Set(registeredMetrics().map(({ name }) => name));
    const named = [...text.matchAll(/\b(?:offramp|grpc_server)_[a-z_]+[a-z]\b/g)].map(([name]) =>
      known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''),
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('docs/reference/errors.md', () => {
  const sections = read('docs/reference/errors.md').split(/^## /m).slice(1);

  it('has a section for each code, in the order of the table', () => {
    expect(sections.map((section) => section.split('\n', 1)[0])).toEqual(Object.keys(errorTable));
  });

  it.each(Object.entries(errorTable))('says what %s leads to, and what to do', (code, leadsTo) => {
    const { exitCode, grpcStatus }: ErrorConsequence = leadsTo;
    const section = sections.find((one) => one.startsWith(`${code}\n`)) ?? '';
    expect(section).toContain(`Exit code ${exitCode}`);
    expect(/gRPC status (\w+)/.exec(section)?.[1]).toBe(grpcStatus);
    expect(section).toContain('**What to do**');
  });
});

describe('docs/reference/check.md', () => {
  it('has a row for each finding, with its level', () => {
    const rows = [
      ...read('docs/reference/check.md').matchAll(/^\| `([a-z-]+)` +\| (\w+) +\| \S/gm),
    ].map(([, code, level]) => [code, level]);
    expect(rows).toEqual(Object.entries({ ...ownLevels, ...levels }));
  });
});

it('pictures are small enough for a checkout', () => {
  const pictures = readdirSync(join(root, 'docs', 'images'));
  expect(pictures).toContain('status.png');
  for (const picture of pictures) {
    expect(statSync(join(root, 'docs', 'images', picture)).size, picture).toBeLessThan(150_000);
  }
});

it('docs/README.md lists every page', () => {
  const listed = [...read('docs/README.md').matchAll(/\]\(([^)]+)\)/g)].map(([, to = '']) => to);
  const others = pages
    .filter((page) => page.startsWith('docs/') && page !== 'docs/README.md')
    .map((page) => relative('docs', page))
    .filter((page) => !page.startsWith('decisions/'));
  expect([...listed].sort()).toEqual([...others, 'decisions'].sort());
});

function leadsSomewhere(page: string, link: string): boolean {
  const [file = '', heading] = link.split('#');
  const target = file === '' ? join(root, page) : join(root, dirname(page), file);
  if (!existsSync(target)) return false;
  if (heading === undefined) return true;
  return statSync(target).isFile() && headingsOf(readFileSync(target, 'utf8')).has(heading);
}

function markdownIn(folder: string, recursive: boolean): string[] {
  return readdirSync(join(root, folder), { recursive, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
