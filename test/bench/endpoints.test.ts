import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the benchmark of endpoints runs, and compares two servers that answer alike', async () => {
  const args = 'scripts/bench.mjs endpoints --clusters 6 --policied 3 --rounds 1'.split(' ');
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout.match(/^\| [36] \| (unix|tcp) \| .* \| × [\d.]+ \| -?\d+ µs \|$/gm)).toHaveLength(
    4,
  );
});
