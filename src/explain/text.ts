import { styleText } from 'node:util';
import type { Summary } from '../observe/summary.ts';
import type { SplitVerdict } from '../rewrites/empty-backends/describe-split.ts';
import type { Change, Place, Skip } from '../rewrites/report.ts';
import type { Connector } from '../state/connectors.ts';
import { describeSplits } from './split-lines.ts';

/** What `explain` says in every form of output. */
export interface Explained {
  readonly snapshot: { readonly file: string; readonly bytes: number };
  readonly mode: 'apply' | 'shadow';
  readonly state: readonly Connector[];
  readonly summary: Summary;
  readonly changes: readonly Change[];
  readonly skips: readonly Skip[];
  /** Every weighted route. */
  readonly splits: readonly SplitVerdict[];
}

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** `explain` for a person; `colour` only where a terminal shows it. */
export function renderText(explained: Explained, colour: boolean): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text) : text);
  const { snapshot, mode, state, summary, changes, skips } = explained;
  const online = state.filter((connector) => connector.online).length;
  const lines = [
    `snapshot  ${snapshot.file}: ${snapshot.bytes} bytes, ${summary.clusters} clusters, ` +
      `${summary.listeners} listeners, ${summary.route_configs} route configurations`,
    `state     ${online} connectors online, ${state.length - online} offline`,
    `mode      ${mode === 'shadow' ? 'shadow: what follows is reported, not done' : mode}`,
  ];
  if (changes.length === 0) lines.push('', 'Nothing changes.');
  for (const [where, group] of groupByPlace(changes)) {
    lines.push('', paint('bold', where));
    for (const { effect, place, connectors, detail } of group) {
      const who = connectors.length === 0 ? '' : ` (${connectors.join(', ')})`;
      if (place.route !== undefined) lines.push(`  ${place.route}`);
      lines.push(`    ${paint('green', effect)}${who}: ${detail}`);
    }
  }
  if (skips.length > 0) {
    lines.push('', paint('bold', 'Left as it came'));
    for (const { reason, place, detail } of skips) {
      lines.push(`  ${paint('yellow', reason)}: ${whereIs(place)}${routeIn(place)}: ${detail}`);
    }
  }
  lines.push(...splitLines(explained.splits, paint));
  lines.push('', `${changes.length} changes, ${skips.length} skipped`, '');
  return lines.join('\n');
}

function splitLines(splits: readonly SplitVerdict[], paint: Paint): string[] {
  if (splits.length === 0) return [];
  const { eventful, quiet } = describeSplits(splits);
  return [
    '',
    paint('bold', 'Weighted routes'),
    ...eventful.flatMap(({ title, lines }) => [
      `  ${title}`,
      ...lines.map((line) => `    ${line}`),
    ]),
    ...quiet.map((line) => `  ${line}`),
  ];
}

function groupByPlace(changes: readonly Change[]): Map<string, Change[]> {
  const groups = new Map<string, Change[]>();
  for (const change of changes) {
    const where = whereIs(change.place);
    groups.set(where, [...(groups.get(where) ?? []), change]);
  }
  return groups;
}

const singular = {
  clusters: 'cluster',
  secrets: 'secret',
  listeners: 'listener',
  routes: 'route configuration',
  policies: 'OfframpPolicy',
} as const;

function whereIs({ kind, resource, virtualHost }: Place): string {
  const host = virtualHost === undefined ? '' : `, virtual host ${virtualHost}`;
  return `${singular[kind]} ${resource}${host}`;
}

function routeIn({ route }: Place): string {
  return route === undefined ? '' : `, route ${route}`;
}
