import { type Html, html } from './html.ts';
import type { Paged } from './paged.ts';
import { type StatusQuery, writeQuery } from './query.ts';

/** The links from a page of a long table to the next one and the one before. */
export interface Pager {
  /** What the links are about, and where in the page they lead. */
  readonly table: 'connectors' | 'gateways';
  readonly paged: Paged<unknown>;
  readonly query: StatusQuery;
}

/** Nothing when there is one page only. */
export function pager({ table, paged: { page, pages }, query }: Pager): Html {
  if (pages === 1) return html``;
  const link = (to: number, rel: string, text: string) => {
    if (to < 1 || to > pages) return html``;
    const address = `/status${writeQuery(withPage(query, table, to))}#${table}`;
    return html`<li><a rel="${rel}" href="${address}">${text} of the ${table}</a></li>`;
  };
  return html`<nav aria-label="Pages of the ${table}"><ul class="row">
<li>Page ${page} of ${pages}</li>
${link(page - 1, 'prev', 'Previous page')}${link(page + 1, 'next', 'Next page')}
</ul></nav>`;
}

function withPage(query: StatusQuery, table: Pager['table'], page: number): StatusQuery {
  if (table === 'connectors') return { ...query, connectorPage: page };
  return { ...query, gatewayPage: page };
}
