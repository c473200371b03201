import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { launch, type Page } from 'puppeteer-core';
import { testbedToolPath } from '../support/testbed-cache.ts';

/** A page of a real browser, and what went wrong in it. */
export interface WatchedPage {
  readonly page: Page;
  /** Every address that was asked for. */
  readonly requests: readonly string[];
  /** What the console, failed requests and exceptions said. */
  readonly complaints: readonly string[];
}

/** A real headless Chromium. */
export interface Browser {
  open(): Promise<WatchedPage>;
  close(): Promise<void>;
}

/** Starts Chromium with a profile of its own. */
export async function startBrowser(): Promise<Browser> {
  const profile = await mkdtemp(path.join(tmpdir(), 'offramp-chromium-'));
  const browser = await launch({
    executablePath: testbedToolPath('chromium'),
    userDataDir: profile,
    // Its sandbox needs rights that a CI may not have; it shows nothing but our own pages.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none'],
  });
  return {
    async open() {
      const page = await browser.newPage();
      await page.setViewport({ width: 1280, height: 900 });
      const requests: string[] = [];
      const complaints: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
      page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(`exception: ${String(error)}`));
      return { page, requests, complaints };
    },
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
