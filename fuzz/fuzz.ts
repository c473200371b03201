// Tries mutated snapshots of the real Envoy Gateway. See README.md in this folder.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readCorpus } from './corpus.ts';
import { judge } from './judge.ts';
import { makeCase } from './make-case.ts';
import { runWorkers } from './run-workers.ts';
import { tryServer } from './try-server.ts';
import type { Finding, Tally } from './worker-protocol.ts';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    case: { type: 'string' },
    out: { type: 'string' },
    grpc: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    captures: { type: 'string', multiple: true, default: [] },
  },
});
const seed = options.seed ?? randomBytes(4).toString('hex');
const captures = options.captures.map((folder) => resolve(folder));
const test = resolve('test');
const say = (line: string) => console.log(line);

if (options.case !== undefined) replay(Number(options.case));
else if (options.grpc !== undefined) await callServer(Number(options.grpc));
else await tryMany();

async function tryMany(): Promise<void> {
  const count = options.count === undefined ? undefined : Number(options.count);
  const untold = count === undefined ? 60 : undefined;
  const seconds = options.seconds === undefined ? untold : Number(options.seconds);
  const workers = Number(options.workers);
  say(`seed ${seed}, ${workers} workers`);
  const began = Date.now();
  const { tally, findings } = await runWorkers({
    ...{ seed, test, captures, workers, count, seconds },
    worker: new URL('./worker.js', import.meta.url),
    boundMs: 30_000,
    progress: (so, far) => say(describe(so, far, began)),
    found: tellFinding,
  });
  say(`seed ${seed}: ${describe(tally, findings, began)}`);
  if (tally.cases === 0 || findings.length > 0) process.exitCode = 1;
}

function describe(tally: Tally, findings: readonly Finding[], began: number): string {
  const { cases, refused, kept, rewritten, decoded, slowest } = tally;
  const seconds = Math.max(1, (Date.now() - began) / 1_000);
  return (
    `${cases} cases in ${Math.round(seconds)} s (${Math.round(cases / seconds)}/s): ` +
    `${rewritten} rewritten, ${kept} kept, ${refused} refused; ${decoded} changed resources decoded; ` +
    `slowest ${Math.round(slowest.ms)} ms (${slowest.id}); ${findings.length} findings`
  );
}

function tellFinding({ id, original, problem }: Finding): void {
  const [text, number] = id.split(':');
  say(`FOUND in ${id}, made from ${original}: ${problem}`);
  say(`  replay: npm run fuzz -- --seed ${text} --case ${number}`);
}

function replay(number: number): void {
  const corpus = readCorpus(test, captures);
  const tried = makeCase(corpus, seed, number);
  if (options.out !== undefined) writeFileSync(options.out, tried.request);
  const { problem, outcome, ms } = judge(corpus.schema.root, tried);
  const { id, original, request } = tried;
  say(`${id}, made from ${original}: ${request.length} bytes, ${outcome} in ${Math.round(ms)} ms`);
  say(problem ?? 'nothing is wrong');
  if (problem !== undefined) process.exitCode = 1;
}

async function callServer(count: number): Promise<void> {
  say(`seed ${seed}, ${count} calls`);
  const { problems, summary } = await tryServer(readCorpus(test, captures), { seed, count, say });
  for (const problem of problems) say(`FOUND ${problem}`);
  say(`seed ${seed}: ${summary}; ${problems.length} findings`);
  if (problems.length > 0) process.exitCode = 1;
}
