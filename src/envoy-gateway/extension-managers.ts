import { distance } from 'fastest-levenshtein';
import { fieldNamesAt, unknownField } from '../config/unknown-field.ts';
import type { Path, Place } from '../config/yaml-places.ts';
import { compactYaml } from './compact-yaml.ts';
import type { EnvoyGatewayConfiguration } from './find-configurations.ts';
import { type Finding, fatalFinding, finding } from './findings.ts';
import { type RecommendedService, recommendedManager } from './recommended.ts';
import { type ExtensionManager, extensionManagerSchema } from './schema.ts';

/** One extension manager of a configuration, and how to point at its fields. Paths start below it. */
export interface ManagerEntry {
  readonly manager: ExtensionManager;
  readonly place: (...path: Path) => Place;
  /** YAML with a value at a path, from the top of the file. */
  readonly yaml: (path: Path, value: unknown) => string;
}

/** The extension managers that could be read, in the order in which Envoy Gateway calls them. */
export interface ReadManagers {
  readonly entries: readonly ManagerEntry[];
  readonly findings: readonly Finding[];
}

/**
 * Reads `extensionManager` or `extensionManagers`; what Envoy Gateway would refuse is a finding. Where
 * there is none, one with the recommended service is.
 */
export function readManagers(
  configuration: EnvoyGatewayConfiguration,
  recommended: RecommendedService,
): ReadManagers {
  const { content, locate } = configuration;
  const single = content.extensionManager ?? undefined;
  const list = content.extensionManagers ?? undefined;
  if (list === undefined) {
    return single === undefined
      ? { entries: [], findings: [noManager(configuration, recommended)] }
      : readEntry(configuration, ['extensionManager'], single);
  }
  if (!Array.isArray(list)) {
    return { entries: [], findings: [wrongType(locate(['extensionManagers']), 'expected a list')] };
  }
  if (list.length === 0) {
    const text = {
      problem: 'the list has no extension manager',
      remedy: 'Add Offramp.',
      yaml: pasteFor(configuration, ['extensionManagers', 0], recommendedManager(recommended)),
    };
    const place = locate(['extensionManagers']);
    return {
      entries: [],
      findings: [fatalFinding('no-extension-manager', place, 'refused', text)],
    };
  }
  if (single !== undefined) {
    const text = {
      problem: 'extensionManager and extensionManagers exclude each other',
      remedy: 'Make it one more entry of extensionManagers, with a name of its own.',
    };
    const place = locate([], 'extensionManager');
    return {
      entries: [],
      findings: [fatalFinding('extension-manager-twice', place, 'refused', text)],
    };
  }
  const read = list.map((item, index) =>
    readEntry(configuration, ['extensionManagers', index], item ?? {}),
  );
  const entries = read.flatMap((one) => one.entries);
  const findings = read.flatMap((one) => one.findings);
  // With one entry unread it cannot be told which is Offramp's.
  if (entries.length < list.length) return { entries: [], findings };
  return { entries, findings: [...findings, ...checkNames(entries)] };
}

function noManager(
  configuration: EnvoyGatewayConfiguration,
  recommended: RecommendedService,
): Finding {
  return finding('no-extension-manager', configuration.locate([]), {
    problem: `there is no extension manager${hintAt(configuration.content)}`,
    consequence: 'Envoy Gateway never calls Offramp: nothing is answered, no tunnel is opened.',
    remedy: 'Add Offramp.',
    yaml: pasteFor(configuration, ['extensionManager'], recommendedManager(recommended)),
  });
}

function hintAt(content: Readonly<Record<string, unknown>>): string {
  const { spec } = content;
  if (typeof spec === 'object' && spec !== null && 'extensionManager' in spec) {
    return ': an EnvoyGateway has no spec, extensionManager belongs at the top';
  }
  const misspelt = Object.keys(content).find((key) => {
    const off = Math.min(distance(key, 'extensionManager'), distance(key, 'extensionManagers'));
    return off > 0 && off <= 3;
  });
  return misspelt === undefined ? '' : `, only ${misspelt}, which Envoy Gateway does not know`;
}

function wrongType(place: Place, problem: string): Finding {
  const remedy = 'Give it a value of that type.';
  return fatalFinding('wrong-type', place, 'refused', { problem, remedy });
}

/** Unknown fields are ignored as Envoy Gateway ignores them; a wrong type ends the reading. */
function readEntry(
  configuration: EnvoyGatewayConfiguration,
  path: Path,
  value: unknown,
): ReadManagers {
  const { locate } = configuration;
  const strict = extensionManagerSchema.safeParse(value);
  const issues = strict.error?.issues ?? [];
  const known = structuredClone(value);
  const findings = issues.flatMap((issue) => {
    const below = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code !== 'unrecognized_keys') {
      return [wrongType(locate([...path, ...below]), issue.message)];
    }
    removeKeys(known, below, issue.keys);
    const valid = fieldNamesAt(extensionManagerSchema, below);
    return issue.keys.map((key) => ignored(locate([...path, ...below], key), key, valid));
  });
  const parsed = extensionManagerSchema.safeParse(known);
  if (!parsed.success) return { entries: [], findings };
  const entry: ManagerEntry = {
    manager: parsed.data,
    place: (...below) => locate([...path, ...below]),
    yaml: (below, inner) => pasteFor(configuration, path, nest(below, inner), parsed.data.name),
  };
  return { entries: [entry], findings };
}

function ignored(place: Place, key: string, valid: readonly string[]): Finding {
  return finding('unknown-field', place, {
    problem: unknownField(key, valid),
    consequence: 'Envoy Gateway ignores it without a word.',
    remedy: 'Correct or remove it; upper and lower case count.',
  });
}

function removeKeys(value: unknown, path: Path, keys: readonly string[]): void {
  const holder = path.reduce<unknown>((outer, part) => memberOf(outer, part), value);
  if (typeof holder !== 'object' || holder === null) return;
  for (const key of keys) Reflect.deleteProperty(holder, key);
}

function memberOf(value: unknown, key: string | number): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function checkNames(entries: readonly ManagerEntry[]): Finding[] {
  const seen = new Set<string>();
  return entries.flatMap(({ manager: { name }, place }) => {
    if (typeof name === 'string' && name !== '' && !seen.has(name)) {
      seen.add(name);
      return [];
    }
    const problem = name ? `there is an extension manager ${name} already` : 'it has no name';
    const remedy = 'Give each entry of extensionManagers a name of its own.';
    return [fatalFinding('manager-name', place('name'), 'refused', { problem, remedy })];
  });
}

/** The YAML to paste for a value of an extension manager, with everything above it. */
function pasteFor(
  { prefix }: EnvoyGatewayConfiguration,
  path: Path,
  value: unknown,
  name?: string | null,
): string {
  const [form = 'extensionManager', index] = path;
  const named =
    typeof value === 'object' && value !== null ? { name: name ?? 'offramp', ...value } : {};
  const manager = index === undefined ? value : [named];
  return compactYaml(nest([...prefix, form], manager), prefix.length + 2);
}

function nest(path: Path, value: unknown): unknown {
  return path.reduceRight((inner, key) => ({ [key]: inner }), value);
}
