import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildDashboard } from './dashboard.ts';

const deploy = join(import.meta.dirname, '..', '..', 'deploy');
const inTheChart = join(deploy, 'helm', 'offramp', 'files');

describe('what Prometheus and Grafana get', () => {
  it('a dashboard, by the types that Grafana publishes', async () => {
    const text = `${JSON.stringify(buildDashboard(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(join(deploy, 'grafana', 'offramp.json'));
    await expect(text).toMatchFileSnapshot(join(inTheChart, 'dashboard.json'));
  });

  it('alerts, which Helm can read only inside of its chart', async () => {
    const text = readFileSync(join(deploy, 'prometheus', 'alerts.yaml'), 'utf8');
    await expect(text).toMatchFileSnapshot(join(inTheChart, 'alerts.yaml'));
  });
});
