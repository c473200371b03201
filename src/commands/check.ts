import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { readInput } from '../config/load.ts';
import { type Config, configSchema } from '../config/schema.ts';
import { formatProblem, parseYaml } from '../config/yaml-file.ts';
import { parseStateFile } from '../state/state-file.ts';
import type { ExitCode } from './exit-code.ts';

/**
 * `offramp check`: says whether a configuration, with the state file it names, or a state file alone
 * would work. Throws OfframpError: file-unreadable.
 */
export function check(file: string): ExitCode {
  const text = readInput(file);
  const findings = isStateFile(text) ? checkState(file, text) : checkConfig(file, text);
  for (const { severity, text: line } of findings) process.stdout.write(`${severity}: ${line}\n`);
  return findings.some(({ severity }) => severity === 'error') ? 1 : 0;
}

interface Finding {
  readonly severity: 'ok' | 'warning' | 'error';
  readonly text: string;
}

/** A state file's `connectors` is a list, a configuration's is not. */
function isStateFile(text: string): boolean {
  try {
    const content: unknown = parse(text);
    return (
      typeof content === 'object' &&
      content !== null &&
      'connectors' in content &&
      Array.isArray(content.connectors)
    );
  } catch {
    return false; // the configuration's own check says what is wrong with the YAML
  }
}

function checkConfig(file: string, text: string): Finding[] {
  const parsed = parseYaml(file, text, configSchema);
  if (!parsed.ok) return parsed.problems.map((problem) => error(formatProblem(problem)));
  return [ok(`${file}: a valid OfframpConfiguration`), ...checkNamedState(file, parsed.value)];
}

function checkNamedState(file: string, config: Config): Finding[] {
  const path = resolve(dirname(resolve(file)), config.state.file.path);
  if (!existsSync(path)) {
    const text = `${path}: there is no such state file; Offramp would start with no connectors`;
    return [{ severity: 'warning', text }];
  }
  return checkState(path, readInput(path));
}

function checkState(file: string, text: string): Finding[] {
  const parsed = parseStateFile(file, text);
  if (!parsed.ok) return parsed.problems.map((problem) => error(formatProblem(problem)));
  const online = parsed.value.filter(({ connector }) => connector.online).length;
  const offline = parsed.value.length - online;
  return [ok(`${file}: a valid state file, ${online} online and ${offline} offline connectors`)];
}

function ok(text: string): Finding {
  return { severity: 'ok', text };
}

function error(text: string): Finding {
  return { severity: 'error', text };
}
