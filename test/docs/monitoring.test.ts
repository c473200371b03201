import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/observe/metrics.ts';
import { unresolvedReasons } from '../../src/rewrites/report.ts';
import { alertRules } from '../e2e/support/monitoring/alert-rules.ts';
import {
  alertExpressions,
  dashboardExpressions,
  documentedExpressions,
  metricsIn,
} from '../support/expressions.ts';
import { headingsOf } from '../support/headings.ts';
import { registeredMetrics } from '../support/registered-metrics.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/monitoring.md'), 'utf8');

describe('the alerts', () => {
  it.each(alertRules.map(({ alert, annotations }) => [alert, annotations.runbook_url]))(
    '%s links to what to do about it',
    (alert, link) => {
      const [file = '', heading = ''] = link.split('#');
      expect(existsSync(join(root, file))).toBe(true);
      expect(headingsOf(readFileSync(join(root, file), 'utf8'))).toContain(heading);
      expect(heading).toBe(alert.toLowerCase());
    },
  );

  it('are the sections of the page, in the same order', () => {
    const sections = [...page.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
    expect(sections).toEqual(alertRules.map(({ alert }) => alert));
  });

  it('speak once of what another alert says better: what a split costs, or that it is a bug', () => {
    const skips = alertRules.find(({ alert }) => alert === 'OfframpSkips')?.expr ?? '';
    const left = /reason!~"([^"]*)"/.exec(skips)?.[1]?.split('|');
    expect(left?.sort()).toEqual(
      [...unresolvedReasons, 'fallback-route-missing', 'invariant-.*'].sort(),
    );
  });
});

describe('each expression of alerts, dashboard and pages', () => {
  const known = new Set([
    ...registeredMetrics().map(({ name }) => name),
    ...new Metrics('offramp').registry.getMetricsAsArray().map(({ name }) => name),
  ]);
  const all = [...alertExpressions(), ...dashboardExpressions('5m'), ...documentedExpressions()];

  it.each(all.map(({ where, expr }) => [where, expr]))(
    'of %s names metrics of ours: %s',
    (_, expr) => {
      const unknown = metricsIn(expr)
        .filter((name) => !name.startsWith('envoy_')) // the end-to-end test asks Envoy
        .filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')));
      expect(unknown).toEqual([]);
    },
  );

  it('names a metric, and in the dashboard the job', () => {
    expect(all.filter(({ expr }) => metricsIn(expr).length === 0 && !/ALERTS/.test(expr))).toEqual(
      [],
    );
    const ours = dashboardExpressions('5m').filter(({ expr }) => !/envoy_|ALERTS/.test(expr));
    expect(ours.filter(({ expr }) => !expr.includes('job=~"offramp"'))).toEqual([]);
    expect(ours.length).toBeGreaterThan(20);
  });
});
