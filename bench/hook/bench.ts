// What one hook call costs, beside what a server could do less. See README.md in this folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawChart } from './chart.ts';
import { buildGoProgram } from './go-program.ts';
import { type Measurement, measureFleet } from './measure.ts';
import { measureBesideTimes } from './measure-beside.ts';
import { formatSettings, formatTable, rowsOf } from './table.ts';
import { formatTargets, judgeTargets } from './targets.ts';

const { values: options } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    gateways: { type: 'string', default: '100,1000,5000,10000' },
    rounds: { type: 'string', default: '15' },
    pause: { type: 'string', default: '0' },
    'memory-calls': { type: 'string', default: '200' },
    out: { type: 'string', default: 'bench-results' },
  },
});
const sizes = options.smoke ? [100] : options.gateways.split(',').map(Number);
const rounds = options.smoke ? 0 : Number(options.rounds);
const say = (line: string) => console.error(line);

const folder = mkdtempSync(join(tmpdir(), 'offramp-bench-'));
try {
  await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  say('building the contenders in Go');
  const go = await buildGoProgram(folder);
  if ('missing' in go)
    say(`without the contenders in Go, and with a client in Node: ${go.missing}`);
  const goProgram = 'path' in go ? go.path : undefined;
  const measurements: Measurement[] = [];
  for (const gateways of sizes) {
    const warmUps = options.smoke ? 0 : gateways > 1_000 ? 4 : 20; // until nothing is compiled any more
    const plan = { folder, goProgram, warmUps, rounds, pause: Number(options.pause), say };
    measurements.push(...(await measureFleet(gateways, plan)));
  }
  if (options.smoke) return console.log('every answer is right');
  const memoryCalls = Number(options['memory-calls']);
  const beside = await measureBesideTimes(sizes, { folder, goProgram, rounds, memoryCalls, say });
  const rows = rowsOf(measurements);
  const targets = judgeTargets(rows, beside);
  const text = [formatTable(rows), formatSettings(), formatTargets(targets)].join('\n\n');
  console.log(text);
  mkdirSync(options.out, { recursive: true });
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  const client = goProgram === undefined ? 'grpc-js' : 'grpc-go';
  const results = { machine, client, targets, ...beside, measurements };
  writeFileSync(join(options.out, 'hook.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(options.out, 'hook.txt'), `${text}\n`);
  writeFileSync(join(options.out, 'hook.svg'), drawChart(rows, targets));
}
