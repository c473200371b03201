import { type Html, html } from './html.ts';
import { pager } from './pager.ts';
import { count, section, table, time, verdict } from './parts.ts';
import type { StatusQuery } from './query.ts';
import { searchForm } from './search-form.ts';
import type { ShownConnector, Status } from './status.ts';

/** The connectors of one page, and the way to the others. */
export function connectorSection({ connectors }: Status, query: StatusQuery): Html {
  const { online, offline, found } = connectors;
  const isSearch = query.connector !== '' || query.only !== 'all';
  return section('connectors', 'Connectors', [
    html`<p>${verdict(true, `${online} online`)}, ${verdict(offline === 0, `${offline} offline`)}.</p>`,
    searchForm('connectors', query),
    table({
      caption: `${count(found, 'connector')}, by name`,
      columns: ['Connector', 'State', 'Since', 'Serves'],
      rows: connectors.rows.map(connectorCells),
      none: isSearch ? 'No connector is as asked for.' : 'No connector is known.',
    }),
    pager({ table: 'connectors', paged: connectors, query }),
  ]);
}

function connectorCells({ name, online, since, orBefore, serves }: ShownConnector) {
  const before = orBefore ? ' or before' : '';
  return [name, verdict(online, online ? 'online' : 'offline'), [time(since), before], serves];
}
