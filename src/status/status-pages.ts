import type { PageAnswer, Pages } from '../server/http-server.ts';
import { html } from './html.ts';
import { document } from './parts.ts';
import { readQuery } from './query.ts';
import { snapshotPage } from './snapshot-page.ts';
import { describeStatus, type StatusSources, showSnapshot } from './status.ts';
import { statusPage } from './status-page.ts';
import { contentSecurityPolicy } from './style.ts';

/** /status and /status.json, and one page for each snapshot that is kept. */
export class StatusPages implements Pages {
  readonly #sources: StatusSources;

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  answer(url: URL, accept: string): PageAnswer | undefined {
    const found = /^\/status(?:\/snapshots\/([1-9]\d{0,14}))?(\.json)?$/.exec(url.pathname);
    if (found === null) return undefined;
    const [, id, suffix] = found;
    const asJson = suffix !== undefined || prefersJson(accept);
    return id === undefined ? this.#status(url, asJson) : this.#snapshot(Number(id), asJson);
  }

  #status(url: URL, asJson: boolean): PageAnswer {
    const query = readQuery(url.searchParams);
    const status = describeStatus(this.#sources, query);
    return asJson ? json(200, status) : page(200, String(statusPage(status, query)));
  }

  #snapshot(id: number, asJson: boolean): PageAnswer {
    const kept = this.#sources.snapshots.find(id);
    if (kept !== undefined) {
      const shown = showSnapshot(kept);
      return asJson ? json(200, shown) : page(200, String(snapshotPage(shown)));
    }
    const error = `snapshot ${id} is not kept: only the last ones are`;
    if (asJson) return json(404, { error });
    const head = html`<h1>Not found</h1>`;
    const main = html`<p>${error}. <a href="/status#snapshots">Back to the status</a></p>`;
    return page(404, String(document('Not found · Offramp status', head, main)));
  }
}

/** Programs that say so get JSON; browsers, and those who take anything, the page. */
function prefersJson(accept: string): boolean {
  return accept.includes('application/json') && !accept.includes('text/html');
}

const always = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  vary: 'accept',
} as const;

function page(status: number, body: string): PageAnswer {
  const headers = {
    ...always,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy,
  };
  return { status, body, headers };
}

function json(status: number, value: object): PageAnswer {
  const body = `${JSON.stringify(value, undefined, 2)}\n`;
  const headers = {
    ...always,
    'content-type': 'application/json; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  };
  return { status, body, headers };
}
