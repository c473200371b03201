import { type Html, html } from './html.ts';
import type { KeptPlace } from './kept-snapshot.ts';
import { count, document, section, table } from './parts.ts';
import { nameGateways, snapshotCells, snapshotColumns } from './snapshot-cells.ts';
import type { ShownSnapshot } from './status.ts';

/** What was done to one snapshot, virtual host by virtual host. */
export function snapshotPage(snapshot: ShownSnapshot): Html {
  const { id, places } = snapshot;
  const head = html`<h1>Snapshot ${id}</h1>
<p><a href="/status#snapshots">Back to the status</a> · <a href="/status/snapshots/${id}.json">The same as JSON</a></p>`;
  const hosts = places.filter(({ virtualHost }) => virtualHost !== undefined);
  const others = places.filter(({ virtualHost }) => virtualHost === undefined);
  return document(`Snapshot ${id} · Offramp status`, head, [
    section('call', 'The hook call', [
      table({
        caption: 'When, by whom, and what came of it',
        columns: ['Snapshot', ...snapshotColumns],
        rows: [[String(id), ...snapshotCells(snapshot)]],
        none: '',
      }),
      html`<p>Gateways: ${nameGateways(snapshot)}. ${contents(snapshot)}</p>`,
      leftOut(snapshot),
    ]),
    placesSection('hosts', 'Virtual hosts', hosts),
    placesSection('others', 'Clusters, listeners and the rest', others),
  ]);
}

function contents({ summary }: ShownSnapshot): string {
  if (summary === undefined) return '';
  const { clusters, listeners, route_configs } = summary;
  const routes = count(route_configs, 'route configuration');
  return `It had ${count(clusters, 'cluster')}, ${count(listeners, 'listener')} and ${routes}.`;
}

function leftOut({ leftOut: { changes, skips } }: ShownSnapshot): Html {
  if (changes + skips === 0) return html``;
  return html`<p><strong>Not all of it is kept</strong>: ${count(changes, 'change')} and
${count(skips, 'skipped thing')} are left out here. A recording and explain show all.</p>`;
}

function placesSection(id: string, heading: string, places: readonly KeptPlace[]): Html {
  const none = html`<p>Nothing was changed there, and nothing left that should have been.</p>`;
  return section(id, heading, places.length === 0 ? none : places.map(describePlace));
}

function describePlace(place: KeptPlace): Html {
  const { kind, resource, virtualHost, changes, skips } = place;
  const where = virtualHost ?? resource;
  const rows = [
    ...changes.map(({ route, effect, connectors, detail }) => {
      const who = connectors.length === 0 ? '' : ` (${connectors.join(', ')})`;
      return [route ?? resource, 'changed', `${effect}${who}`, detail];
    }),
    ...skips.map(({ route, reason, detail }) => [
      route ?? resource,
      'left as it came',
      reason,
      detail,
    ]),
  ];
  return html`<h3>${where}</h3>
${table({
  caption: `In ${names[kind]} ${resource}${virtualHost === undefined ? '' : `, virtual host ${virtualHost}`}`,
  columns: ['Where', 'Was', 'Effect or reason', 'Detail'],
  rows,
  none: '',
})}`;
}

const names = {
  clusters: 'cluster',
  secrets: 'secret',
  listeners: 'listener',
  routes: 'route configuration',
  policies: 'OfframpPolicy',
} as const satisfies Record<KeptPlace['kind'], string>;
