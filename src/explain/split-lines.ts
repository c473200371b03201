import type { BackendVerdict, SplitVerdict } from '../rewrites/empty-backends/describe-split.ts';
import type { DecidedMode } from '../rewrites/empty-backends/mode.ts';
import { parseRouteName } from '../xds/names.ts';

/** What nobody has to act on must not bury what somebody has. */
const maxQuietLines = 20;

/** One or more weighted routes of which the same is to be said, in lines of text. */
export interface SplitLines {
  readonly title: string;
  readonly lines: readonly string[];
}

/**
 * What there is to say of weighted routes. A rule with many matches and host names has many routes:
 * those that say the same are one. Rules in which all is well have a line each, come last, and are
 * only counted when there are many of them.
 */
export function describeSplits(splits: readonly SplitVerdict[]): {
  readonly eventful: readonly SplitLines[];
  readonly quiet: readonly string[];
} {
  const eventful: SplitLines[] = [];
  const quiet: string[] = [];
  for (const { split, count } of groupAlike(splits)) {
    const rule = ruleOf(split);
    const title = count === 1 ? rule : `${rule} (${count} routes)`;
    if (isQuiet(split)) {
      const refs = split.backends.map(({ weight, verdict }) => `${weight} ${verdict}`);
      quiet.push(`${title}: ${refs.join(', ')}; ${modeOf(split.decided)}`);
    } else {
      eventful.push({ title, lines: linesOf(split) });
    }
  }
  const untold = quiet.length - maxQuietLines;
  if (untold > 0) {
    const rest = `and ${untold} more in which all is well: --output json or yaml has them`;
    quiet.splice(maxQuietLines, untold, rest);
  }
  return { eventful, quiet };
}

function groupAlike(splits: readonly SplitVerdict[]): Iterable<{
  readonly split: SplitVerdict;
  readonly count: number;
}> {
  const groups = new Map<string, { split: SplitVerdict; count: number }>();
  for (const split of splits) {
    const { decided, backends, unresolved } = split;
    const key = JSON.stringify([ruleOf(split), decided, backends, unresolved]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { split, count: 1 });
    else group.count++;
  }
  return groups.values();
}

function ruleOf({ place }: SplitVerdict): string {
  const { route = '' } = place;
  const rule = parseRouteName(route);
  return rule === undefined
    ? route
    : `${rule.kind}/${rule.namespace}/${rule.name}/rule/${rule.rule}`;
}

const well: readonly BackendVerdict['verdict'][] = ['ready', 'custom', 'dynamic'];

function isQuiet({ backends, decided, unresolved }: SplitVerdict): boolean {
  return (
    unresolved === undefined &&
    decided.overruled.length === 0 &&
    backends.every(({ verdict, fate }) => fate === 'stays' && well.includes(verdict))
  );
}

function linesOf({ decided, backends, unresolved }: SplitVerdict): string[] {
  const widest = Math.max(...backends.map(({ weight }) => String(weight).length));
  const lines = backends.map(({ backend, weight, verdict, fate, detail }) => {
    const index = backend === undefined ? '  -' : `${backend}`.padStart(3);
    const share = `weight ${String(weight).padStart(widest)}`;
    return `${index}  ${share}  ${verdict.padEnd(10)}  ${fate.padEnd(6)}  ${detail}`;
  });
  const stays = unresolved && [`left as it is: ${unresolved.reason}: ${unresolved.detail}`];
  return [modeOf(decided), ...lines, ...(stays ?? [])];
}

/** `Keep by default/shop (route), before default/all (gateway); overruled: default/late (route)` */
function modeOf({ mode, level, policy, outranked, overruled }: DecidedMode): string {
  const by = policy === undefined ? 'the configuration' : `${policy} (${level})`;
  const before = outranked.map((one) => `${one.policy} (${one.level})`).join(', ');
  const losers = overruled.map((loser) => `${loser} (${level})`).join(', ');
  const nearer = before === '' ? '' : `, before ${before}`;
  return `${mode} by ${by}${nearer}${losers === '' ? '' : `; overruled: ${losers}`}`;
}
