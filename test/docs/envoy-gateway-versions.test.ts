import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { rewriteSnapshot } from '../../src/rewrites/pipeline.ts';
import { parseStateFile, stateOf } from '../../src/state/state-file.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { OLDER_RELEASE, RELEASES } from '../e2e/support/testbed-versions.ts';
import { captures } from '../support/captures.ts';
import { differingFields } from '../support/differing-fields.ts';
import { decodeSnapshot } from '../support/xds.ts';

const page = readFileSync(
  join(import.meta.dirname, '../../docs/reference/envoy-gateway-versions.md'),
  'utf8',
);
const newer = capture('connectors-standalone');
const older = capture('connectors-standalone-1.8');

/** Every sort of claim, on the routes of test/captures/connectors-standalone/resources.yaml. */
const state = `
connectors:
  - name: berlin
    online: false
    routes:
      - { kind: HTTPRoute, name: berlin, rule: 0 }
      - { kind: HTTPRoute, name: split, rule: 0, backend: 0 }
      - { kind: HTTPRoute, name: shared, rule: 0, backend: 0 }
      - { kind: HTTPRoute, name: shared-names, rule: 0, backend: 1 }
      - { kind: GRPCRoute, name: chat }
    clusters: [httproute/default/mirror/rule/0-mirror-0]
  - name: oslo
    online: true
    tunnel: { host: localhost, port: 8080, endpointId: n1 }
    routes:
      - { kind: HTTPRoute, name: oslo, rule: 0 }
      - { kind: HTTPRoute, name: mixed, rule: 0, backend: 1 }
    clusters: [httproute/default/wild/rule/0]
`;

describe('the same resources, from two minor versions of Envoy Gateway', () => {
  it('differ in the fields that the page lists, and in no other', () => {
    const fields = differingFields(
      decodeSnapshot(readSnapshot(older)),
      decodeSnapshot(readSnapshot(newer)),
    );
    const metadata = 'metadata.filter_metadata.envoy-gateway.resources';
    expect(fields).toEqual([
      'clusters.cluster_type',
      'clusters.dns_refresh_rate',
      `clusters.load_assignment.endpoints.${metadata}.kind`,
      `clusters.${metadata}.kind`,
      'clusters.respect_dns_ttl',
      'clusters.type',
      'listeners.default_filter_chain.filters.typed_config.rds.config_source.initial_fetch_timeout',
      `routes.virtual_hosts.routes.${metadata}.kind`,
    ]);
    const table = sectionOf('## What differs in the snapshot');
    for (const field of fields) expect(table).toContain(`\`${field.split('.').at(-1)}\``);
  });

  it('are rewritten alike', () => {
    expect(reportOf(older)).toEqual(reportOf(newer));
    const { changes, skips } = reportOf(older);
    expect(new Set(changes.map(({ effect }) => effect)).size).toBe(9);
    expect(skips.map(({ reason }) => reason)).toEqual(['merged-cluster', 'merged-cluster']);
  });
});

describe('the table of versions', () => {
  const table = sectionOf('## Which versions');

  it.each(RELEASES)('has Envoy Gateway $version with its Envoy', ({ version, envoy }) => {
    expect(table).toMatch(new RegExp(`^\\| ${version} +\\| ${envoy} +\\|`, 'm'));
  });

  it('says which older one is tested all the time', () => {
    expect(table).toMatch(new RegExp(`^\\| ${OLDER_RELEASE.version} .*with every change`, 'm'));
  });
});

function capture(folder: string): Uint8Array {
  const found = captures.find(({ name }) => name === join(folder, 'post-translate-modify.binpb'));
  if (found === undefined) throw new Error(`no capture ${folder}`);
  return found.request;
}

function reportOf(request: Uint8Array) {
  const parsed = parseStateFile('state', state);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const settings = configSchema.parse({});
  return rewriteSnapshot(readSnapshot(request), stateOf(parsed.value), settings).report;
}

function sectionOf(heading: string): string {
  const [, after = ''] = page.split(`${heading}\n`);
  return after.split('\n## ', 1)[0] ?? '';
}
