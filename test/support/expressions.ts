import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const root = resolve(import.meta.dirname, '../..');

/** A PromQL expression that we publish, and where. */
export interface Expression {
  readonly where: string;
  readonly expr: string;
}

const rulesSchema = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
});
const dashboardSchema = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
});

/** Of the alerts. */
export function alertExpressions(): readonly Expression[] {
  const { groups } = rulesSchema.parse(parse(read('deploy/prometheus/alerts.yaml')));
  return groups.flatMap(({ rules }) => rules.map(({ alert: where, expr }) => ({ where, expr })));
}

/** Of the dashboard, for the job `offramp` and a rate over so long. */
export function dashboardExpressions(rateInterval: string): readonly Expression[] {
  const { panels } = dashboardSchema.parse(JSON.parse(read('deploy/grafana/offramp.json')));
  return panels.flatMap(({ title: where, targets }) =>
    targets.map(({ expr }) => ({
      where,
      expr: expr.replaceAll('$job', 'offramp').replaceAll('$__rate_interval', rateInterval),
    })),
  );
}

/** Of all pages: blocks of PromQL, and metrics with or without labels in the text. */
export function documentedExpressions(): readonly Expression[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = docs.filter((file) => file.endsWith('.md')).map((file) => join('docs', file));
  return ['README.md', ...pages].flatMap((where) => {
    const text = read(where);
    const blocks = [...text.matchAll(/^```promql\n(.*?)^```$/gms)];
    const inText = [
      ...text.matchAll(
        /`((?:offramp|grpc_server|envoy_cluster|envoy_vhost)_[a-z_]+(?:\{[^`}]+="[^`}]*\})?)`/g,
      ),
    ];
    return [...blocks, ...inText].map(([, expr = '']) => ({ where, expr: expr.trim() }));
  });
}

/** The metrics that an expression names, without what a histogram adds to its own name. */
export function metricsIn(expr: string): readonly string[] {
  const names = expr.match(
    /\b(?:offramp|grpc_server|envoy|process|nodejs)_[a-z0-9_]+(?=[{[) ]|$)/g,
  );
  return [...new Set(names ?? [])].filter(
    (name) => !/^envoy_(route|cluster_name|response)/.test(name),
  );
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
