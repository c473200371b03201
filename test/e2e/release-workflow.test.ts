import { expect, it } from 'vitest';
import { runToEnd } from './support/run-to-end.ts';
import { testbedToolPath } from './support/testbed-cache.ts';

it('actionlint finds nothing wrong with the release workflow', async () => {
  // Without shellcheck and pyflakes, which a machine may have in any version.
  const args = ['-shellcheck=', '-pyflakes=', '-no-color', '.github/workflows/release.yml'];
  expect(await runToEnd(testbedToolPath('actionlint'), args)).toBe('');
});

it('actionlint would find an action without its inputs', async () => {
  const wrong = ['on: push', 'jobs:', '  a:', '    runs-on: ubuntu-24.04', '    steps:'];
  const input = [...wrong, '      - uses: actions/upload-artifact@v4', ''].join('\n');
  const run = runToEnd(testbedToolPath('actionlint'), ['-no-color', '-'], { input });
  await expect(run).rejects.toThrow(/missing input "path"/);
});
