import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  alertExpressions,
  dashboardExpressions,
  documentedExpressions,
  type Expression,
  metricsIn,
} from '../support/expressions.ts';
import { registeredMetrics } from '../support/registered-metrics.ts';
import { makeCertificate } from './support/certificate.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { FALLBACK_HOST, fallbackResources } from './support/fallback-gateway.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type RecordingServer, startRecorder, startVm } from './support/fallback-kernel/servers.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { alertRules, alertsFile } from './support/monitoring/alert-rules.ts';
import {
  type RunningPrometheus,
  startPrometheus,
  waitForScrapes,
} from './support/monitoring/prometheus.ts';
import { promtool } from './support/monitoring/promtool.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';

/** Of the dashboard: long enough for two scrapes. */
const rateInterval = '20s';

describe('a real Prometheus, of an Offramp and an Envoy that work', () => {
  const ports = { http: 0, https: 0, vm: 0, otherVm: 0, controlPlane: 0 };
  let vm: RecordingServer;
  let controlPlane: RecordingServer;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let prometheus: RunningPrometheus;

  beforeAll(async () => {
    const certificate = await makeCertificate(FALLBACK_HOST);
    vm = await startVm();
    controlPlane = await startRecorder((request, response) => {
      response.writeHead(Number(request.headers['x-answer'] ?? 200)).end();
    });
    const [http, https] = [await freePort(), await freePort()];
    const behind = { vm: vm.port, otherVm: vm.port, controlPlane: controlPlane.port };
    Object.assign(ports, { http, https, ...behind });
    offramp = await startOfframpProcess(
      {
        connectors: [
          { name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'plain' }] },
        ],
      },
      {
        controlPlaneFallback: {
          routes: [{ name: 'vm' }],
          controlPlane: { cluster: 'httproute/default/api/rule/0' },
        },
      },
    );
    gateway = await startGateway({
      resources: fallbackResources(ports, certificate),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
    prometheus = await startPrometheus(
      {
        offramp: { address: new URL(offramp.url).host, path: '/metrics' },
        envoy: { address: new URL(gateway.envoyAdmin).host, path: '/stats/prometheus' },
      },
      alertsFile,
    );
    // Envoy makes the counters of a route's answers with the first of them.
    await fallBack(200);
    await fallBack(503);
    await waitForScrapes(prometheus);
  });

  afterAll(async () => {
    await prometheus?.stop();
    await gateway?.stop();
    await offramp?.stop();
    for (const one of [vm, controlPlane]) await one?.stop();
  });

  let sessions = 0;
  async function fallBack(status: number): Promise<string> {
    const path = eventsOf(`prometheus-${process.pid}-${Date.now()}-${++sessions}`);
    const headers = { host: FALLBACK_HOST, 'x-case': 'gone', 'x-answer': String(status) };
    expect((await ask(ports.http, { path, headers })).status).toBe(status);
    return path;
  }
  const value = async (expr: string) => {
    const [only, second] = await prometheus.query(expr);
    expect(second).toBeUndefined();
    return only?.value[1];
  };

  it('scrapes both', async () => {
    const targets = await prometheus.targets();
    expect(targets.map(({ labels, health, lastError }) => [labels.job, health, lastError])).toEqual(
      expect.arrayContaining([
        ['offramp', 'up', ''],
        ['envoy', 'up', ''],
      ]),
    );
  });

  it('sees each metric of the reference, with its type', async () => {
    const types = await prometheus.types();
    const seen = registeredMetrics().map(({ name }) => [name, types.get(name)]);
    expect(seen).toEqual(registeredMetrics().map(({ name, type }) => [name, type]));
  });

  it('has nothing to complain of in them', async () => {
    const response = await fetch(`${offramp.url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    await promtool(['check', 'metrics'], { input: await response.text() });
  });

  it('knows what Offramp did', async () => {
    expect(await value('min(offramp_ready)')).toBe(1);
    expect(await value('offramp_connectors{state="offline"}')).toBe(1);
    expect(await value('offramp_hook_calls_total{outcome="ok"}')).toBeGreaterThanOrEqual(1);
    // The same HTTPRoute on two listeners.
    const perCall = 'offramp_connector_offline_routes_total / on () offramp_hook_calls_total';
    expect(await value(`${perCall}{outcome="ok"}`)).toBe(2);
  });

  it('evaluates each alert, and none fires while all is well', async () => {
    const rules = await prometheus.rules();
    expect(rules.map(({ name }) => name)).toEqual(alertRules.map(({ alert }) => alert));
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    const speaking = rules.filter(({ state }) => state === 'firing').map(({ name }) => name);
    expect(speaking).toEqual([]);
  });

  const published: readonly Expression[] = [
    ...alertExpressions(),
    ...dashboardExpressions(rateInterval),
    ...documentedExpressions(),
  ];

  it.each(published.map(({ where, expr }) => [where, expr]))(
    'can answer what %s asks: %s',
    async (_, expr) => {
      await prometheus.query(expr);
      const types = await prometheus.types();
      const unknown = metricsIn(expr).filter(
        (name) => !types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, '')),
      );
      expect(unknown).toEqual([]);
    },
  );

  it('counts a fallback once, and what the control plane said to it', async () => {
    const succeeded = 'sum(envoy_cluster_upstream_internal_redirect_succeeded_total)';
    const replayed = (digit: number) =>
      `sum(envoy_vhost_route_upstream_rq_xx{envoy_route="offramp-replay", envoy_response_code_class="${digit}"})`;
    const before = [await value(succeeded), await value(replayed(2)), await value(replayed(5))];
    const path = await fallBack(200);
    await ask(ports.http, { path, method: 'DELETE', headers: { host: FALLBACK_HOST } });
    await waitForScrapes(prometheus);
    const after = [await value(succeeded), await value(replayed(2)), await value(replayed(5))];
    expect(after.map((count, index) => Number(count) - Number(before[index]))).toEqual([1, 1, 0]);
    const remembered = 'envoy_vhost_route_upstream_rq_xx{envoy_route="offramp-remembered"}';
    expect(await value(`sum(${remembered})`)).toBe(1);
  });

  it('shows with the expressions of the page that requests fall back, and that the control plane fails', async () => {
    const blocks = documentedExpressions().filter(
      ({ where, expr }) => where === 'docs/control-plane-fallback.md' && expr.startsWith('sum'),
    );
    expect(blocks).toHaveLength(2);
    await fallBack(503);
    await waitForScrapes(prometheus);
    for (const { expr } of blocks) {
      expect(await value(expr), expr).toBeGreaterThan(0);
    }
    const alert = alertRules.find(({ alert }) => alert === 'OfframpControlPlaneFails');
    expect(await value(alert?.expr ?? '')).toBeGreaterThan(0.05);
  });
});
