// Minutes of steady work, and whether Offramp holds more at their end. See README.md in this folder.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runSoak } from './run-soak.ts';
import { formatResult } from './table.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    gateways: { type: 'string', default: '1000' },
    'calls-per-second': { type: 'string', default: '5' },
    'warm-up-seconds': { type: 'string', default: '30' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'offramp-soak-'));
try {
  const result = await runSoak({
    folder,
    minutes: Number(options.minutes),
    gateways: Number(options.gateways),
    callsPerSecond: Number(options['calls-per-second']),
    warmUpSeconds: Number(options['warm-up-seconds']),
    say: (line) => console.error(line),
  });
  console.log(formatResult(result));
  process.exitCode = result.verdict.reasons.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
