import type { Check } from '../observe/check.ts';
import { connectorSection } from './connector-section.ts';
import { type Html, html } from './html.ts';
import { pager } from './pager.ts';
import { count, document, section, table, time, verdict } from './parts.ts';
import { type StatusQuery, writeQuery } from './query.ts';
import { searchForm } from './search-form.ts';
import { describeOutcome, nameGateways, snapshotCells, snapshotColumns } from './snapshot-cells.ts';
import type { Status } from './status.ts';

const sections = [
  ['readiness', 'Readiness'],
  ['snapshots', 'Last snapshots'],
  ['connectors', 'Connectors'],
  ['gateways', 'Gateways'],
  ['configuration', 'Configuration'],
] as const;

/** The whole status for a person. */
export function statusPage(status: Status, query: StatusQuery): Html {
  const { ready, version } = status;
  const title = `${ready ? 'Ready' : 'Not ready'} · Offramp status`;
  const head = html`<h1>Offramp status</h1>
${readyOrNot(status)}
<p class="soft">Offramp ${version} on Node ${status.node}, started ${time(status.startedAt)}.
Seen at ${time(status.now)}. <a href="/status.json${writeQuery(query)}">The same as JSON</a>.</p>
<nav aria-label="Sections"><ul class="row">
${sections.map(([id, heading]) => html`<li><a href="#${id}">${heading}</a></li>`)}
</ul></nav>`;
  return document(title, head, [
    readiness(status),
    lastSnapshots(status),
    connectorSection(status, query),
    gateways(status, query),
    configuration(status),
  ]);
}

function readyOrNot({ ready, checks, state }: Status): Html {
  const failed = checks.filter(({ ok }) => !ok);
  if (!ready) {
    const why = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
    return html`<p class="verdict bad"><strong>Not ready</strong>: ${why}</p>`;
  }
  const old = state.problems.length > 0;
  const but = old ? ' The state cannot be read anew; the last good one is in use.' : '';
  return html`<p class="verdict ${old ? 'bad' : ''}"><strong>Ready</strong>: hook calls are answered.${but}</p>`;
}

function readiness({ checks, worthKnowing, state }: Status): Html {
  const { source, detail, ageSeconds, unusableObjects } = state;
  const age = ageSeconds === 0 ? 'current' : `${Math.round(ageSeconds)} s old`;
  const objects = count(unusableObjects, 'object');
  return section('readiness', 'Readiness', [
    table({
      caption: 'What readiness depends on',
      columns: ['Check', 'Result', 'Detail'],
      rows: checks.map(checkCells),
      none: 'Nothing.',
    }),
    html`<p>State from ${source}: ${detail}; ${age}; ${objects} that cannot be used.</p>`,
    table({
      caption: 'What is worth knowing beside it',
      columns: ['What', 'Result', 'Detail'],
      rows: worthKnowing.map(checkCells),
      none: 'Nothing else is worth knowing.',
    }),
  ]);
}

function checkCells({ name, ok, detail }: Check) {
  return [name, verdict(ok, ok ? 'fine' : 'not fine'), detail];
}

function lastSnapshots({ snapshots: { calls, rows } }: Status): Html {
  return section('snapshots', 'Last snapshots', [
    html`<p>${count(calls, 'hook call')} since the start. What was changed, and what was left as it came
and why, is behind each number.</p>`,
    table({
      caption: 'The last snapshots, the newest first',
      columns: ['Snapshot', ...snapshotColumns, 'Gateways'],
      rows: rows.map((one) => [link(one.id), ...snapshotCells(one), nameGateways(one)]),
      none: 'Envoy Gateway has not called yet.',
    }),
  ]);
}

function link(id: number): Html {
  return html`<a class="whole" href="/status/snapshots/${id}">Snapshot ${id}</a>`;
}

function gateways({ gateways: paged }: Status, query: StatusQuery): Html {
  const kept =
    paged.onlyTheLast === undefined
      ? ''
      : `Of more than ${paged.onlyTheLast} Gateways, those that were translated last.`;
  return section('gateways', 'Gateways', [
    html`<p>What the last snapshot of each Gateway was answered with. ${kept}</p>`,
    searchForm('gateways', query),
    table({
      caption: `${count(paged.found, 'Gateway')}, by name`,
      columns: ['Gateway', 'Snapshot', ...snapshotColumns],
      rows: paged.rows.map(({ gateway, snapshot }) => [
        gateway,
        html`${link(snapshot.id)}${describeOutcome(snapshot)}`,
        ...snapshotCells(snapshot),
      ]),
      none: query.gateway === '' ? 'No snapshot has named one yet.' : 'No Gateway has such a name.',
    }),
    pager({ table: 'gateways', paged, query }),
  ]);
}

function configuration({ configuration: settings }: Status): Html {
  return section(
    'configuration',
    'Configuration',
    table({
      caption: 'What the configuration says about what Offramp does',
      columns: ['Option', 'Value'],
      rows: settings.map(({ option, value }) => [option, value]),
      none: 'Nothing.',
    }),
  );
}
