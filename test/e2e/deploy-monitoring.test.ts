import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import {
  dryRun,
  fileOf,
  folders,
  namespaces,
  objectOf,
  parseObjects,
  type RenderedObject,
  renderChart,
} from './support/kubernetes/charts.ts';
import { installPrometheusCrds } from './support/kubernetes/crds.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { withoutHelm } from './support/kubernetes/without-helm.ts';
import { alertsFile } from './support/monitoring/alert-rules.ts';
import { promtool } from './support/monitoring/promtool.ts';

const ruleSchema = z.looseObject({ spec: z.unknown() });
const componentsSchema = z.strictObject({ components: z.array(z.string()) });
const dashboardFile = path.join(folders.deploy, 'grafana', 'offramp.json');
const enabled = { prometheusRule: { enabled: true }, grafanaDashboard: { enabled: true } };

let kubernetes: RunningKubernetes;
let folder: string;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  await installPrometheusCrds(kubernetes);
  await kubernetes.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaces.offramp } },
  ]);
  folder = await mkdtemp(path.join(tmpdir(), 'offramp-monitoring-'));
});

afterAll(async () => {
  await kubernetes?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the chart', () => {
  it('brings neither alerts nor a dashboard unless asked: their kinds and readers may not be there', async () => {
    const objects = await renderChart(kubernetes);
    const kinds = objects.map(({ kind }) => kind);
    expect(kinds).not.toContain('PrometheusRule');
    expect(objects.filter(({ kind }) => kind === 'ConfigMap')).toHaveLength(1);
  });

  it('brings the alerts and the dashboard to the letter', async () => {
    const objects = await renderChart(kubernetes, enabled);
    expect(rulesOf(objects)).toEqual(parse(await readFile(alertsFile, 'utf8')));
    expect(fileOf(objects, 'offramp.json').trim()).toBe(
      (await readFile(dashboardFile, 'utf8')).trim(),
    );
    expect(objectOf(objects, 'ConfigMap', 'offramp-dashboard').metadata).toMatchObject({
      labels: { grafana_dashboard: '1' },
    });
  });

  it('gives them the metric names and links of the installation', async () => {
    const objects = await renderChart(kubernetes, {
      ...enabled,
      prometheusRule: { enabled: true, docsUrl: 'https://git.example.com/offramp/' },
      config: { metrics: { prefix: 'nso_extension' } },
    });
    const [rules, dashboard] = [stringify(rulesOf(objects)), fileOf(objects, 'offramp.json')];
    for (const text of [rules, dashboard]) {
      expect(text).toContain('nso_extension_hook_calls_total{');
      expect(text).not.toMatch(/\bofframp_/);
    }
    const links = [...rules.matchAll(/runbook_url: (.*)/g)].map(([, link]) => link);
    expect(new Set(links.map((link) => link?.split('#')[0]))).toEqual(
      new Set(['https://git.example.com/offramp/docs/monitoring.md']),
    );
    expect(() => JSON.parse(dashboard)).not.toThrow();
    const file = path.join(folder, 'rules.yaml');
    await writeFile(file, rules);
    await promtool(['check', 'rules', '--lint-fatal', file]);
  });
});

describe('the components for Kustomize', () => {
  const component = path.join(folders.deploy, 'prometheus');

  it('have what the chart makes', async () => {
    const objects = await renderChart(kubernetes, { ...enabled, podMonitor: { enabled: true } });
    const made = (kind: string) =>
      withoutHelm(
        objects.filter((object) => object.kind === kind),
        'Made from the Helm chart by `npm run generate:deploy`; a test keeps it equal. Edit the chart.',
      );
    const file = (name: string) => path.join(component, name);
    await expect(made('PodMonitor')).toMatchFileSnapshot(file('pod-monitor.yaml'));
    await expect(made('PrometheusRule')).toMatchFileSnapshot(file('prometheus-rule.yaml'));
  });

  it('go with Offramp, and are accepted by the API server', async () => {
    const page = await readFile(path.join('docs', 'monitoring.md'), 'utf8');
    const shown: unknown = parse(/^```yaml\n(components:.*?)```$/ms.exec(page)?.[1] ?? '');
    const fromHere = (one: string) => path.relative(folder, path.resolve(one));
    const kustomization = {
      resources: [fromHere(path.join(folders.deployment, 'base'))],
      components: componentsSchema.parse(shown).components.map(fromHere),
    };
    await writeFile(path.join(folder, 'kustomization.yaml'), stringify(kustomization));
    const objects = parseObjects(await kubernetes.kubectl(['kustomize', folder]));
    await dryRun(kubernetes, objects);
    expect(rulesOf(objects)).toEqual(parse(await readFile(alertsFile, 'utf8')));
    expect(fileOf(objects, 'offramp.json')).toBe(await readFile(dashboardFile, 'utf8'));
    objectOf(objects, 'PodMonitor');
  });
});

function rulesOf(objects: readonly RenderedObject[]): unknown {
  return ruleSchema.parse(objectOf(objects, 'PrometheusRule')).spec;
}
