// What one hook call costs, beside what a server could do less. See README.md in this folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawChart } from './chart.ts';
import { buildGoProgram } from './go-program.ts';
import { type Measurement, measureFleet } from './measure.ts';
import { formatSettings, formatTable, rowsOf } from './table.ts';

const { values: options } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    gateways: { type: 'string', default: '100,1000,5000,10000' },
    rounds: { type: 'string', default: '15' },
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
    const warmUps = options.smoke ? 0 : gateways > 1_000 ? 3 : 10;
    const plan = { folder, goProgram, warmUps, rounds, say };
    measurements.push(...(await measureFleet(gateways, plan)));
  }
  if (options.smoke) return console.log('every answer is right');
  const rows = rowsOf(measurements);
  console.log(`${formatTable(rows)}\n\n${formatSettings()}`);
  mkdirSync(options.out, { recursive: true });
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  const results = {
    machine,
    client: goProgram === undefined ? 'grpc-js' : 'grpc-go',
    measurements,
  };
  writeFileSync(join(options.out, 'hook.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(options.out, 'hook.txt'), `${formatTable(rows)}\n`);
  writeFileSync(join(options.out, 'hook.svg'), drawChart(rows));
}
