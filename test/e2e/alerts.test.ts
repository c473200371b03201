import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { alertCases } from './support/monitoring/alert-cases.ts';
import {
  type AlertRule,
  alertRules,
  alertsFile,
  parseRules,
} from './support/monitoring/alert-rules.ts';
import { promtool } from './support/monitoring/promtool.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'offramp-alerts-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the alerts, by promtool', () => {
  it('are valid rules', async () => {
    expect(await promtool(['check', 'rules', '--lint-fatal', alertsFile])).toContain(
      `SUCCESS: ${alertRules.length} rules found`,
    );
  });

  it('are tested, each of them and nothing else', () => {
    expect(Object.keys(alertCases)).toEqual(alertRules.map(({ alert }) => alert));
  });

  it.each(alertRules.map((rule) => [rule.alert, rule] as const))(
    '%s fires when it should, and not for the nearest other thing',
    async (_, rule) => {
      await test(alertsFile, rule, 'fires');
      await test(alertsFile, rule, 'quiet');
    },
  );

  it.each(alertRules.map((rule) => [rule.alert, rule] as const))(
    'the test of %s would notice an alert that never fires, and one that always does',
    async (_, rule) => {
      const never = await rulesWith(rule.alert, 'offramp_ready > 1');
      await expect(test(never, rule, 'fires')).rejects.toThrow('FAILED');
      const always = await rulesWith(rule.alert, 'vector(1)');
      await expect(test(always, rule, 'quiet')).rejects.toThrow('FAILED');
    },
  );
});

async function test(rules: string, rule: AlertRule, what: 'fires' | 'quiet'): Promise<void> {
  const { [rule.alert]: known } = alertCases;
  if (known === undefined) throw new Error(`${rule.alert} is not tested`);
  const alert = {
    exp_labels: { ...rule.labels, ...known.labels },
    exp_annotations: rendered(rule.annotations, known.labels),
  };
  const series = Object.entries(known[what]).map(([name, values]) => ({ series: name, values }));
  const file = path.join(folder, `${rule.alert}-${what}.yaml`);
  const at = {
    eval_time: `${known.at}m`,
    alertname: rule.alert,
    exp_alerts: what === 'fires' ? [alert] : [],
  };
  const group = { interval: '1m', input_series: series, alert_rule_test: [at] };
  await writeFile(file, stringify({ rule_files: [rules], tests: [group] }));
  expect(await promtool(['test', 'rules', file])).toContain('SUCCESS');
}

function rendered(
  annotations: AlertRule['annotations'],
  labels: Readonly<Record<string, string>>,
): object {
  const fill = (text: string) =>
    text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '');
  return Object.fromEntries(Object.entries(annotations).map(([key, text]) => [key, fill(text)]));
}

/** The rules with another condition for one alert. */
async function rulesWith(alert: string, expr: string): Promise<string> {
  const { groups } = parseRules(await readFile(alertsFile, 'utf8'));
  const changed = groups.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => (rule.alert === alert ? { ...rule, expr } : rule)),
  }));
  const file = path.join(folder, `rules-${alert}-${expr.length}.yaml`);
  await writeFile(file, stringify({ groups: changed }));
  return file;
}
