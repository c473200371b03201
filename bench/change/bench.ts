// How much of a snapshot comes again with the same bytes when one route changed, from a real Envoy
// Gateway: what remembering by content could save. Runs in vitest, for the testbed's sake.
import { expect, it } from 'vitest';
import {
  backendYaml,
  filteredRefYaml,
  gatewayYaml,
  plainRefYaml,
  routeYaml,
} from '../../test/e2e/support/example-resources.ts';
import { freePort } from '../../test/e2e/support/free-ports.ts';
import { startGateway } from '../../test/e2e/support/gateway.ts';
import { startRecordingHook } from '../../test/e2e/support/record-hook.ts';
import { waitFor } from '../../test/e2e/support/wait-for.ts';
import { printRow } from '../measure.ts';
import { countEqualParts, type EqualShare } from './equal-shares.ts';

const routes = Number(process.env.BENCH_ROUTES ?? 50);
const calls = 10;

it('prints which share of a snapshot is equal to the one before', async () => {
  const hook = await startRecordingHook();
  const port = await freePort();
  const gateway = await startGateway({
    resources: resources(port, 0),
    extensionManager: hook.extensionManager,
    timeoutMs: 180_000,
  });
  try {
    for (let change = 1; change <= calls; change++) {
      const before = hook.requests().length;
      await gateway.updateResources(resources(port, change));
      const hasCome = () => hook.requests().length > before;
      await waitFor(`the call for change ${change}`, hasCome, { timeoutMs: 180_000 });
    }
  } finally {
    await gateway.stop();
    await hook.stop();
  }
  const pairs = hook.requests().slice(-calls - 1);
  const shares = pairs
    .slice(1)
    .map((request, at) => countEqualParts(pairs[at] ?? Buffer.alloc(0), request));
  expect(shares).toHaveLength(calls);
  process.stdout.write(`\n${routes} HTTPRoutes, one of them changed between ${calls} calls\n\n`);
  printRow(['', 'in a snapshot', 'equal, least', 'equal, most']);
  printRow(['---', '---', '---', '---']);
  for (const what of shares[0]?.keys() ?? []) {
    const none: EqualShare = { parts: 0, equal: 0 };
    const found = shares.map((share) => share.get(what) ?? none);
    const percents = found.map(({ parts, equal }) => (100 * equal) / parts);
    const [least, most] = [Math.min(...percents), Math.max(...percents)];
    printRow([what, String(found[0]?.parts), `${least.toFixed(0)} %`, `${most.toFixed(0)} %`]);
  }
});

/** Routes with a plain rule and a weighted split each; the first has another header for each `change`. */
function resources(port: number, change: number): string {
  const names = Array.from({ length: routes }, (_, at) => `site-${at}`);
  return [
    gatewayYaml(port),
    backendYaml('app', 9),
    backendYaml('canary', 9),
    ...names.map((name, at) => routeYaml(name, rules(at === 0 ? change : 0))),
  ].join('---\n');
}

function rules(change: number): string {
  return [
    '    - matches: [{ path: { value: /canary } }]\n',
    `      filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-change, value: "${change}" }] } }]\n`,
    '      backendRefs:\n',
    filteredRefYaml('app', 90),
    filteredRefYaml('canary', 10),
    `    -\n${plainRefYaml('app')}`,
  ].join('');
}
