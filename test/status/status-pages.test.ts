import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { ServerReadiness } from '../../src/server/readiness.ts';
import { FileStateSource } from '../../src/state/file-source.ts';
import { SnapshotLog } from '../../src/status/snapshot-log.ts';
import { StatusPages } from '../../src/status/status-pages.ts';
import { makeFleet } from '../support/fleet.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';
import { encodeRequest } from '../support/xds.ts';

const soon = { timeout: 5_000, interval: 20 };

const statusSchema = z.object({
  version: z.string(),
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  state: z.object({ problems: z.array(z.string()), ageSeconds: z.number() }),
  connectors: z.object({
    online: z.number(),
    offline: z.number(),
    page: z.number(),
    pages: z.number(),
    found: z.number(),
    rows: z.array(
      z.object({
        name: z.string(),
        online: z.boolean(),
        since: z.iso.datetime(),
        orBefore: z.boolean(),
        serves: z.string(),
      }),
    ),
  }),
  snapshots: z.object({
    calls: z.number(),
    rows: z.array(
      z.looseObject({
        id: z.number(),
        outcome: z.string(),
        reason: z.string().optional(),
        caller: z.string(),
        milliseconds: z.number(),
        effects: z.record(z.string(), z.number()),
      }),
    ),
  }),
  gateways: z.object({
    found: z.number(),
    rows: z.array(z.object({ gateway: z.string(), snapshot: z.looseObject({ id: z.number() }) })),
  }),
  configuration: z.array(z.object({ option: z.string(), value: z.string() })),
});

async function readStatus(server: TestServer, query = '') {
  const { status, text } = await server.get(`/status.json${query}`);
  expect(status).toBe(200);
  return statusSchema.parse(JSON.parse(text));
}

/** The status once its newest snapshot is this one: it is looked at after its answer has left. */
function statusWith(server: TestServer, calls: number) {
  return vi.waitFor(async () => {
    const status = await readStatus(server);
    expect(status.snapshots.rows[0]?.id).toBe(calls);
    return status;
  }, soon);
}

function site(name: string, online = false) {
  const tunnel = { host: 'localhost', port: 8080, endpointId: 'n1' };
  const routes = [{ kind: 'HTTPRoute', namespace: 'tenants', name, rule: 0 }];
  return { name, online, tunnel, routes };
}

const request = encodeRequest(makeFleet(2).snapshot);

describe('/status', () => {
  it('shows what was changed, by whom it was asked and how long it took, per virtual host', async () => {
    const server = await startTestServer({ connectors: [site('site-0'), site('site-1', true)] });
    await server.call('PostTranslateModify', request);
    const { snapshots, gateways } = await statusWith(server, 1);
    expect(snapshots).toMatchObject({
      calls: 1,
      rows: [{ outcome: 'answered', caller: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }],
    });
    expect(snapshots.rows[0]?.milliseconds).toBeGreaterThan(0);
    expect(snapshots.rows[0]?.effects).toMatchObject({
      'route-answered': 1,
      'cluster-replaced': 1,
    });
    expect(gateways.rows.map(({ gateway, snapshot }) => [gateway, snapshot.id])).toEqual([
      ['tenants/site-0', 1],
      ['tenants/site-1', 1],
    ]);
    const { text } = await server.get('/status/snapshots/1.json');
    expect(JSON.parse(text)).toMatchObject({
      id: 1,
      places: expect.arrayContaining([
        expect.objectContaining({
          virtualHost: 'tenants/site-0/http/site-0_example_com',
          changes: expect.arrayContaining([
            expect.objectContaining({ effect: 'route-answered', connectors: ['site-0'] }),
          ]),
        }),
      ]),
    });
    const page = await server.get('/status/snapshots/1');
    expect(page.text).toContain('<h3>tenants/site-0/http/site-0_example_com</h3>');
    expect(page.text).toContain('<td>route-answered (site-0)</td>');
  });

  it('says what was left as it came, and why', async () => {
    const server = await startTestServer({ connectors: [site('site-0', true)] });
    const { routes } = makeFleet(1).snapshot;
    await server.call('PostTranslateModify', encodeRequest({ routes: routes ?? [] }));
    await statusWith(server, 1);
    const { text } = await server.get('/status/snapshots/1');
    expect(text).toContain('<td>left as it came</td><td>cluster-missing</td>');
  });

  it('shows a call that was refused, with the reason', async () => {
    const server = await startTestServer({ connectors: [] });
    await server.call('PostTranslateModify', request.subarray(0, 50)).catch(() => undefined);
    const { snapshots } = await statusWith(server, 1);
    expect(snapshots.rows[0]).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/^PostTranslateModifyRequest at byte \d+: field 2 wants/),
    });
  });

  it('says why it is not ready, as a page and as JSON', () => {
    const folder = mkdtempSync(join(tmpdir(), 'offramp-status-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const told = { loaded: () => {}, rejected: () => {}, absent: () => {} };
    const source = new FileStateSource(join(folder, 'none.yaml'), told);
    onTestFinished(() => source.stop());
    const readiness = new ServerReadiness(source);
    const snapshots = new SnapshotLog(() => {});
    const about = { version: '1', startedAt: 0, settings: [] };
    const pages = new StatusPages({ ...about, readiness, source, snapshots });
    const answer = pages.answer(new URL('http://x/status'), 'text/html');
    expect(answer?.body).toContain('<strong>Not ready</strong>: grpc: not bound yet</p>');
    expect(answer?.body).toContain('<title>Not ready · Offramp status</title>');
    const json = pages.answer(new URL('http://x/status.json'), '')?.body ?? '';
    expect(JSON.parse(json)).toMatchObject({ ready: false });
  });

  it('says that the last good state is in use', async () => {
    const server = await startTestServer({ connectors: [site('site-0')] });
    writeFileSync(server.stateFile, 'connectors: 7');
    await vi.waitFor(async () => {
      const { ready, state } = await readStatus(server);
      expect([ready, state.problems.length]).toEqual([true, 1]);
    }, soon);
    const { text } = await server.get('/status');
    expect(text).toContain('The state cannot be read anew; the last good one is in use.');
  });

  it('lists connectors with their state, and since when', async () => {
    const before = Date.now();
    const server = await startTestServer({ connectors: [site('berlin'), site('oslo')] });
    const { connectors } = await readStatus(server);
    expect(connectors).toMatchObject({ online: 0, offline: 2, found: 2 });
    expect(connectors.rows[0]).toMatchObject({
      ...{ name: 'berlin', online: false, orBefore: true },
      serves: 'HTTPRoute tenants/berlin rule 0',
    });
    const flipped = JSON.stringify({ connectors: [site('berlin', true), site('oslo')] });
    writeFileSync(server.stateFile, flipped);
    const rows = await vi.waitFor(async () => {
      const now = (await readStatus(server)).connectors;
      expect(now.online).toBe(1);
      return now.rows;
    }, soon);
    expect(rows[0]).toMatchObject({ name: 'berlin', online: true, orBefore: false });
    expect(Date.parse(rows[0]?.since ?? '')).toBeGreaterThanOrEqual(before);
    expect(rows[1]).toEqual(connectors.rows[1]);
  });

  it('finds connectors among many, page by page', async () => {
    const names = Array.from({ length: 120 }, (_, index) => `c-${String(index).padStart(3, '0')}`);
    const server = await startTestServer({
      connectors: names.map((name) => site(name, name === 'c-007')),
    });
    const read = async (query: string) => (await readStatus(server, query)).connectors;
    expect(await read('')).toMatchObject({ page: 1, pages: 3, found: 120 });
    expect((await read('?connectors-page=3')).rows.map(({ name }) => name)).toEqual(
      names.slice(100),
    );
    expect((await read('?connectors-page=99')).page).toBe(3);
    expect((await read('?only=online')).rows).toMatchObject([{ name: 'c-007' }]);
    expect((await read('?connector=C-11&only=offline')).found).toBe(10);
    expect(await read('?connector=nobody')).toMatchObject({ found: 0, page: 1, pages: 1 });
    const { text } = await server.get('/status?connector=c-&connectors-page=2&gateway=x');
    expect(text).toContain(
      'href="/status?connector=c-&amp;connectors-page=3&amp;gateway=x#connectors"',
    );
  });

  it('takes odd addresses for what can be understood of them', async () => {
    const server = await startTestServer({ connectors: [] });
    for (const query of [
      '?connectors-page=-1',
      '?connectors-page=1e9',
      '?only=x&%00',
      `?connector=${'%'.repeat(900)}`,
    ]) {
      expect((await server.get(`/status${query}`)).status).toBe(200);
    }
    for (const path of [
      '/status/',
      '/status/snapshots/',
      '/status/snapshots/0',
      '/status/../status/x',
    ]) {
      expect((await server.get(path)).status).toBe(404);
    }
    const forgotten = await server.get('/status/snapshots/7');
    expect([forgotten.status, forgotten.text]).toEqual([
      404,
      expect.stringContaining('snapshot 7 is not kept'),
    ]);
  });

  it('answers programs that ask for JSON with JSON, and is read-only', async () => {
    const server = await startTestServer({ connectors: [] });
    const ask = (init: RequestInit) => fetch(`${server.url}/status`, init);
    const json = await ask({ headers: { accept: 'application/json' } });
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
    statusSchema.parse(await json.json());
    const page = await ask({ headers: { accept: 'text/html,application/json;q=0.9' } });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const head = await ask({ method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await ask({ method })).status).toBe(405);
    }
  });
});

describe('what the status page lets through', () => {
  const evil = '<script>alert(1)</script><img src=//evil.example/x>"\'&';

  it('is no HTML in names that others chose', async () => {
    const server = await startTestServer({ connectors: [{ name: evil, online: false }] });
    const { routes = [] } = makeFleet(1).snapshot;
    const named = JSON.parse(
      JSON.stringify(routes).replaceAll('site-0', JSON.stringify(evil).slice(1, -1)),
    );
    await server.call('PostTranslateModify', encodeRequest({ routes: named }));
    await statusWith(server, 1);
    const search = encodeURIComponent(evil);
    for (const path of [
      '/status',
      '/status/snapshots/1',
      `/status?connector=${search}&gateway=${search}`,
    ]) {
      const { text } = await server.get(path);
      expect(text).toContain(
        '&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=//evil.example/x&gt;',
      );
      expect(text).not.toMatch(/<script|<img/i);
    }
    const { connectors, gateways } = await readStatus(server);
    expect(connectors.rows[0]?.name).toBe(evil);
    expect(gateways.rows[0]?.gateway).toBe(`tenants/${evil}`);
  });

  it('is one style and nothing else, by its Content-Security-Policy', async () => {
    const server = await startTestServer({ connectors: [] });
    for (const path of ['/status', '/status/snapshots/1']) {
      const answer = await fetch(`${server.url}${path}`);
      const policy = answer.headers.get('content-security-policy') ?? '';
      const text = await answer.text();
      const [, css = ''] = /<style>(.*)<\/style>/s.exec(text) ?? [];
      const digest = createHash('sha256').update(css).digest('base64');
      expect(policy.split('; ')).toEqual([
        "default-src 'none'",
        `style-src 'sha256-${digest}'`,
        'img-src data:',
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]);
      expect(text).not.toMatch(/(?:src|href|action)="(?!\/|#|data:,)/);
      expect(text).not.toMatch(/ style="| on[a-z]+="|url\(|@import/);
    }
  });

  it('is nothing of secrets, filters, headers and bodies that a snapshot has', async () => {
    const secret = 'hunter2-marker';
    const answer = { status: 503, headers: { 'X-Token': secret } };
    const config = { connectors: { offlineResponse: answer } };
    const server = await startTestServer({ connectors: [site('site-0')] }, config);
    const { clusters = [], listeners = [], routes = [] } = makeFleet(2).snapshot;
    const header = { header: { key: 'authorization', value: secret } };
    const vault = { name: 'vault', generic_secret: { secret: { inline_string: secret } } };
    const guarded = routes.map((one) => ({ ...one, request_headers_to_add: [header] }));
    const rq = encodeRequest({ clusters, listeners, routes: guarded, secrets: [vault] });
    expect(Buffer.from(rq).toString('latin1').split(secret)).toHaveLength(4);
    await server.call('PostTranslateModify', rq);
    // Of a malformed request not even the bytes around the fault are told.
    const broken = Buffer.concat([rq, Buffer.from([0x2a, 0x7f]), Buffer.from(secret)]);
    await server.call('PostTranslateModify', broken).catch(() => undefined);
    await statusWith(server, 2);
    for (const path of ['/status', '/status/snapshots/1', '/status/snapshots/2']) {
      for (const suffix of ['', '.json']) {
        const { status, text } = await server.get(`${path}${suffix}`);
        expect(status).toBe(200);
        expect(text).not.toContain(secret);
      }
    }
    const { configuration } = await readStatus(server);
    expect(configuration).toContainEqual({
      option: 'connectors.offlineResponse.headers',
      value: 'X-Token',
    });
  });
});
