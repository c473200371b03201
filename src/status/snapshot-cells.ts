import { type HtmlValue, html } from './html.ts';
import { tally, time, verdict } from './parts.ts';
import { snapshotLimits } from './snapshot-log.ts';
import type { SnapshotSummary } from './status.ts';

/** The columns of `snapshotCells`. */
export const snapshotColumns = ['When', 'By', 'Took', 'Size', 'Changed', 'Left as it came'];

/** What one snapshot was and what was done to it, a cell each. */
export function snapshotCells(snapshot: SnapshotSummary): readonly HtmlValue[] {
  const { at, caller, milliseconds, bytes, effects, reasons, outcome, reason } = snapshot;
  const answered = outcome === 'answered';
  return [
    time(at),
    caller,
    `${milliseconds.toFixed(1)} ms`,
    `${(bytes / 1024).toFixed(1)} KiB`,
    answered ? tally(effects) : html`${verdict(false, outcome)}: ${reason}`,
    answered ? tally(reasons) : '',
  ];
}

/** Says that a snapshot was not answered; nothing when it was. */
export function describeOutcome({ outcome }: SnapshotSummary): HtmlValue {
  return outcome === 'answered' ? undefined : html` ${verdict(false, outcome)}`;
}

/** The Gateways of a snapshot, as far as they are kept. */
export function nameGateways({ gateways, moreGateways }: SnapshotSummary): string {
  if (gateways.length === 0) return 'none';
  const isAll = gateways.length + moreGateways <= snapshotLimits.gateways;
  const more = moreGateways === 0 ? '' : ` and ${isAll ? '' : 'at least '}${moreGateways} more`;
  return `${gateways.join(', ')}${more}`;
}
