import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { captures } from '../../support/captures.ts';
import { connectExtension } from '../../support/extension-connection.ts';
import { listenOnLoopback } from '../support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from '../support/offramp.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Browser, startBrowser, type WatchedPage } from './browser.ts';

const tunnel = { host: 'localhost', port: 8080, endpointId: '4f1c0a' };
const route = (name: string) => ({ kind: 'HTTPRoute', namespace: 'default', name });
const state = {
  connectors: [
    { name: 'berlin', online: false, routes: [route('berlin'), route('split')] },
    { name: 'lisbon', online: true, tunnel, routes: [route('chat'), route('wild')] },
    { name: 'madrid', online: true, tunnel, routes: [route('mirror')] },
    { name: 'oslo', online: true, tunnel, routes: [route('oslo')] },
  ],
};

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser?.close());

/** A real Offramp that has answered each of the recorded hook requests. */
async function startUsed(): Promise<OfframpProcess> {
  const offramp = await startServer(state);
  const connection = connectExtension(`127.0.0.1:${offramp.port}`);
  for (const { request } of captures) await connection.call('PostTranslateModify', request);
  connection.close();
  await waitFor(
    'the status to show them',
    async () => {
      const answer = await fetch(`${offramp.url}/status.json`);
      return (await answer.text()).includes(`"id": ${captures.length},`);
    },
    { timeoutMs: 5_000 },
  );
  return offramp;
}

async function startServer(states: object): Promise<OfframpProcess> {
  const offramp = await startOfframpProcess(states);
  onTestFinished(() => offramp.stop());
  return offramp;
}

async function open(url: string): Promise<WatchedPage> {
  const watched = await browser.open();
  onTestFinished(() => watched.page.close());
  await watched.page.goto(url, { waitUntil: 'load' });
  return watched;
}

describe('the status page in Chromium', () => {
  it('loads without a complaint, and asks for nothing but itself', async () => {
    const offramp = await startUsed();
    for (const address of ['/status', '/status/snapshots/1']) {
      const { requests, complaints } = await open(`${offramp.url}${address}`);
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([
        `${offramp.url}${address}`,
      ]);
    }
  });

  it('lets nothing in that is not its own: not a style, not a picture, not a script', async () => {
    const offramp = await startUsed();
    const asked: string[] = [];
    const other = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    });
    const { port, stop } = await listenOnLoopback(other);
    onTestFinished(stop);
    const { page } = await open(`${offramp.url}/status`);
    const refused = await page.evaluate(async (origin) => {
      const directives: string[] = [];
      document.addEventListener('securitypolicyviolation', (event) => {
        directives.push(event.effectiveDirective);
      });
      document.body.insertAdjacentHTML(
        'beforeend',
        `<img src="${origin}/picture"><link rel="stylesheet" href="${origin}/style">
        <b style="color: red">x</b><iframe src="${origin}/frame"></iframe>`,
      );
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      await fetch(`${origin}/fetch`).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return [...directives, `ran: ${'ran' in window}`];
    }, `http://127.0.0.1:${port}`);
    expect(refused.sort()).toEqual(
      ['connect-src', 'frame-src', 'img-src', 'ran: false', 'script-src-elem', 'style-src-attr']
        .concat('style-src-elem')
        .sort(),
    );
    expect(asked).toEqual([]);
  });

  it('shows names from the cluster as text, whatever is in them', async () => {
    const name = '<script>window.ran = 1</script><img src=x onerror="window.ran = 1">';
    const offramp = await startServer({ connectors: [{ name, online: false }] });
    const { page, complaints, requests } = await open(`${offramp.url}/status`);
    const row = await page.$eval('#connectors ~ .scroll tbody th', (cell) => cell.textContent);
    expect(row).toBe(name);
    expect(await page.evaluate(() => 'ran' in window || document.scripts.length > 0)).toBe(false);
    expect([complaints, requests.length]).toEqual([[], 1]);
  });

  it('is readable in the light and in the dark, as the reader has it', async () => {
    const offramp = await startUsed();
    const { page } = await open(`${offramp.url}/status`);
    const backgrounds: number[] = [];
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      const background = await page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
      const [red = Number.NaN] = [...background.matchAll(/\d+/g)].map(Number);
      backgrounds.push(red);
    }
    const [light = 0, dark = 255] = backgrounds;
    expect(light).toBeGreaterThan(200);
    expect(dark).toBeLessThan(50);
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 320],
  ])(
    'breaks no rule of accessibility that axe knows (%s, %i pixels wide)',
    async (value, width) => {
      const offramp = await startUsed();
      for (const address of [
        '/status',
        '/status?connector=nobody',
        '/status/snapshots/1',
        '/status/snapshots/99',
      ]) {
        const watched = await browser.open();
        onTestFinished(() => watched.page.close());
        const { page } = watched;
        await page.setViewport({ width, height: 900 });
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
        await page.goto(`${offramp.url}${address}`);
        const { violations, passes } = await runAxe(page);
        expect(violations, address).toEqual([]);
        expect(passes.length).toBeGreaterThan(15);
        const overflows = await page.evaluate(
          () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
        );
        expect(overflows, `${address} is wider than the screen`).toBe(false);
      }
    },
  );

  it('can be walked through with the keyboard, and one sees where one is', async () => {
    const offramp = await startUsed();
    const { page } = await open(`${offramp.url}/status`);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toMatchObject({ text: 'Skip to content', isSeen: true });
    const stops: string[] = [];
    for (let index = 0; index < 40 && stops.at(-1) !== 'Find Gateways'; index++) {
      await page.keyboard.press('Tab');
      const { text, isSeen } = await focused(page);
      expect(isSeen, text).toBe(true);
      stops.push(text);
    }
    const snapshots = Array.from(captures, (_, index) => `Snapshot ${captures.length - index}`);
    expect(stops).toEqual([
      'The same as JSON',
      ...['Readiness', 'Last snapshots', 'Connectors', 'Gateways', 'Configuration'],
      'What readiness depends on',
      ...['The last snapshots, the newest first', ...snapshots],
      ...['connector', 'only', 'Find connectors', '4 connectors, by name'],
      ...['gateway', 'Find Gateways'],
    ]);
  });

  it('skips to the content', async () => {
    const offramp = await startUsed();
    const { page } = await open(`${offramp.url}/status`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await page.keyboard.press('Tab');
    expect((await focused(page)).text).toBe('What readiness depends on');
  });

  it('gives screen readers landmarks, headings and tables with names', async () => {
    const offramp = await startUsed();
    const { page } = await open(`${offramp.url}/status`);
    const named = await accessibleNames(page);
    expect(named).toEqual(
      expect.arrayContaining([
        ...['banner', 'main', 'navigation Sections'],
        ...['search Connectors', 'search Gateways'],
        ...['region Readiness', 'region Last snapshots', 'region Connectors', 'region Gateways'],
        ...['heading Offramp status', 'heading Readiness', 'heading Connectors'],
        ...['table What readiness depends on', 'table 4 connectors, by name'],
        ...['columnheader Since', 'rowheader berlin'],
        ...['searchbox Name, or what it serves', 'combobox State', 'button Find connectors'],
      ]),
    );
    expect(
      named.filter((one) => /^(table|region|link|button|searchbox|combobox|heading)$/.test(one)),
    ).toEqual([]);
  });

  it('is at hand with 10,000 connectors, and finds one of them', async () => {
    const connectors = Array.from({ length: 10_000 }, (_, index) => ({
      ...{ name: `site-${index}`, online: index % 3 !== 0, tunnel: { ...tunnel } },
      routes: [route(`site-${index}`)],
    }));
    const offramp = await startServer({});
    await offramp.writeState(JSON.stringify({ connectors }));
    await waitFor(
      'the connectors to be read',
      async () =>
        (await (await fetch(`${offramp.url}/status.json`)).text()).includes('"found": 10000'),
      { timeoutMs: 60_000 },
    );
    const { page } = await open(`${offramp.url}/status`);
    const rows = () =>
      page.$$eval('#connectors ~ .scroll tbody tr', (all) =>
        all.map((one) => one.textContent ?? ''),
      );
    expect(await rows()).toHaveLength(50);
    const loads: number[] = [];
    for (let index = 0; index < 5; index++) {
      await page.goto(`${offramp.url}/status`, { waitUntil: 'load' });
      loads.push(await loadTime(page));
    }
    console.log(
      `10,000 connectors: loaded after ${loads.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    );
    await page.type('input[name=connector]', 'site-4711');
    await page.select('select[name=only]', 'online');
    await Promise.all([page.waitForNavigation(), page.click('#connectors ~ form button')]);
    expect(await rows()).toEqual([expect.stringMatching(/^site-4711online.* UTC or before/)]);
    expect(await page.$eval('select[name=only]', (select) => select.value)).toBe('online');
  });

  if (process.env.WRITE_SCREENSHOTS !== '1') return;

  it('has its picture in the documentation', async () => {
    const offramp = await startUsed();
    const { page } = await open(`${offramp.url}/status`);
    await page.setViewport({ width: 1200, height: 1000 });
    mkdirSync('docs/images', { recursive: true });
    await page.screenshot({ path: path.join('docs', 'images', 'status.png') });
  });
});

async function runAxe(page: Page): Promise<{ violations: string[]; passes: readonly unknown[] }> {
  await page.evaluate(readFileSync(axePath(), 'utf8'));
  const results = await page.evaluate((): Promise<AxeResults> => Reflect.get(window, 'axe').run());
  const violations = results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id}: ${help}: ${html}`),
  );
  return { violations, passes: results.passes };
}

function axePath(): string {
  return path.join('node_modules', 'axe-core', 'axe.min.js');
}

/** What has the focus: its name or text, and whether a person can see that. */
function focused(page: Page): Promise<{ text: string; isSeen: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === null) return { text: '', isSeen: false };
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { left, width } = element.getBoundingClientRect();
    const text =
      element.getAttribute('aria-label') ?? element.getAttribute('name') ?? element.textContent;
    const isOutlined = outlineStyle !== 'none' && outlineWidth !== '0px';
    return { text: text ?? '', isSeen: isOutlined && left >= 0 && width > 0 };
  });
}

/** The accessibility tree, each node as its role and name. */
async function accessibleNames(page: Page): Promise<string[]> {
  const session = await page.createCDPSession();
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  return nodes
    .filter(({ ignored }) => !ignored)
    .map(({ role, name }) => `${role?.value ?? ''} ${name?.value ?? ''}`.trim());
}

/** Milliseconds from the navigation to the end of its load event. */
function loadTime(page: Page): Promise<number> {
  return page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation');
    return navigation?.duration ?? Number.NaN;
  });
}
