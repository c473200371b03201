import { formatPlace, type Place } from '../config/yaml-places.ts';
import type { FindingCode, Level } from '../envoy-gateway/findings.ts';

/** What `check` says of Offramp's own files, and how bad it is. */
export const ownLevels = {
  'invalid-configuration': 'error',
  'invalid-state-file': 'error',
  'cluster-unreadable': 'error',
  'certificate-unusable': 'error',
  'state-file-missing': 'warning',
  'kind-absent': 'warning',
  'object-unusable': 'warning',
  'certificates-elsewhere': 'note',
} as const satisfies Record<string, Level>;

/** One thing that `check` says. */
export interface Statement {
  /** ok: a file was read and is what it should be. */
  readonly level: Level | 'ok';
  readonly code: FindingCode | keyof typeof ownLevels | 'valid';
  readonly place: Place | { readonly file: string };
  readonly problem: string;
  readonly consequence?: string;
  readonly remedy?: string;
  readonly yaml?: string;
}

/** How `check` prints. */
export type CheckOutput = 'text' | 'json';

/** What was said as one JSON document, or as text for people. */
export function formatStatements(statements: readonly Statement[], output: CheckOutput): string {
  if (output === 'text') return statements.map(asText).join('');
  const findings = statements.map(({ place, ...rest }) => ({ ...place, ...rest }));
  return `${JSON.stringify({ works: !hasErrors(statements), findings }, null, 2)}\n`;
}

/** Whether anything was said that keeps Offramp from working. */
export function hasErrors(statements: readonly Statement[]): boolean {
  return statements.some(({ level }) => level === 'error');
}

function asText({ level, code, place, problem, consequence, remedy, yaml }: Statement): string {
  const where = 'line' in place ? formatPlace(place) : `${place.file}: `;
  const lines = [`${level}: ${where}${problem}${level === 'ok' ? '' : ` [${code}]`}`];
  if (consequence !== undefined) lines.push(`  ${consequence}`);
  if (remedy !== undefined) lines.push(`  ${remedy}`);
  if (yaml !== undefined)
    lines.push(
      ...yaml
        .trimEnd()
        .split('\n')
        .map((line) => `      ${line}`),
    );
  return `${lines.join('\n')}\n`;
}
