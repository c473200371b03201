import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const ruleSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
  annotations: z.strictObject({
    summary: z.string(),
    description: z.string(),
    runbook_url: z.string(),
  }),
});
const rulesSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(ruleSchema) })),
});

/** An alert as Prometheus reads it. */
export type AlertRule = z.output<typeof ruleSchema>;

/** The rules file that Offramp ships. */
export const alertsFile = path.resolve('deploy', 'prometheus', 'alerts.yaml');

/** What a rules file says. */
export function parseRules(text: string): z.output<typeof rulesSchema> {
  return rulesSchema.parse(parse(text));
}

/** Every alert of the file that Offramp ships, in its order. */
export const alertRules: readonly AlertRule[] = parseRules(
  readFileSync(alertsFile, 'utf8'),
).groups.flatMap(({ rules }) => rules);
