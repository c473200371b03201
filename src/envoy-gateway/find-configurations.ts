import { type Document, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import { keyOffset, offsetOf, type Path, type Place, pathText } from '../config/yaml-places.ts';
import { type Position, positionInBlock } from './embedded-yaml.ts';

/** An EnvoyGateway configuration, and how to point into the file that has it. */
export interface EnvoyGatewayConfiguration {
  readonly file: string;
  /** Helm values and snippets get their apiVersion and kind elsewhere. */
  readonly origin: 'file' | 'config-map' | 'helm-values' | 'snippet';
  readonly content: Readonly<Record<string, unknown>>;
  /** What stands above the configuration in its YAML: `config.envoyGateway` in Helm values. */
  readonly prefix: Path;
  /** The place of a value, or of the key `key` in the map at the path. */
  readonly locate: (path: Path, key?: string) => Place;
}

/** YAML that has, or should have, an EnvoyGateway configuration and cannot be read. */
export interface UnreadableConfiguration {
  readonly place: Place;
  readonly reason: string;
}

/** What a file has of Envoy Gateway's; both lists are empty when it is about something else. */
export interface FoundConfigurations {
  readonly configurations: readonly EnvoyGatewayConfiguration[];
  readonly unreadable: readonly UnreadableConfiguration[];
}

const dataKey = 'envoy-gateway.yaml';
const helmPath = ['config', 'envoyGateway'];

/**
 * Finds each EnvoyGateway configuration of a YAML text: a file of that kind, a ConfigMap with one
 * (also in a List, or among other documents), values of Envoy Gateway's Helm chart, or a bare
 * `extensionManager`. Read as Envoy Gateway reads it: YAML 1.1, in which `yes` is true.
 */
export function findConfigurations(file: string, text: string): FoundConfigurations {
  const configurations: EnvoyGatewayConfiguration[] = [];
  const unreadable: UnreadableConfiguration[] = [];
  const lines = new LineCounter();
  for (const document of parseDocuments(text, lines)) {
    const toPosition = (offset: number): Position => positionAt(lines, offset);
    search({ file, text, document, toPosition }, [], { configurations, unreadable });
  }
  return { configurations, unreadable };
}

interface Source {
  readonly file: string;
  readonly text: string;
  readonly document: Document;
  readonly toPosition: (offset: number) => Position;
}

interface Found {
  readonly configurations: EnvoyGatewayConfiguration[];
  readonly unreadable: UnreadableConfiguration[];
}

function parseDocuments(text: string, lineCounter: LineCounter): Document[] {
  const parsed = parseAllDocuments(text, {
    version: '1.1',
    lineCounter,
    prettyErrors: false,
    logLevel: 'error', // else the parser writes warnings to standard error
  });
  return Array.isArray(parsed) ? parsed : [];
}

/** Looks at the object at a path of a document, and for a List at each of its items. */
function search(source: Source, path: Path, found: Found): void {
  const { document } = source;
  const at = (...rest: Path) => document.getIn([...path, ...rest], true);
  const node = path.length === 0 ? document.contents : at();
  if (!isMap(node)) return;
  const kind = scalarText(at('kind'));
  const items = at('items');
  if (isSeq(items) && kind?.endsWith('List')) {
    for (const index of items.items.keys()) search(source, [...path, 'items', index], found);
    return;
  }
  const embedded = at('data', dataKey);
  if (kind === 'ConfigMap' && isScalar(embedded)) {
    readEmbedded(source, [...path, 'data', dataKey], found);
    return;
  }
  if (path.length > 0) return;
  if (kind === 'EnvoyGateway') read(source, 'file', [], found);
  else if (kind !== undefined) return;
  else if (isMap(at(...helmPath))) read(source, 'helm-values', helmPath, found);
  else if (node.has('extensionManager') || node.has('extensionManagers')) {
    read(source, 'snippet', [], found);
  }
}

function read(
  source: Source,
  origin: EnvoyGatewayConfiguration['origin'],
  prefix: Path,
  { configurations, unreadable }: Found,
): void {
  const { file, document, toPosition } = source;
  const placeAt = (offset: number, path: Path): Place => ({
    file,
    ...toPosition(offset),
    path: pathText(path),
  });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    unreadable.push({ place: placeAt(syntax.pos[0], []), reason: syntax.message });
    return;
  }
  try {
    const whole: unknown = document.toJS({ maxAliasCount: 100 });
    configurations.push({
      file,
      origin,
      content: prefix.reduce<Record<string, unknown>>(
        (outer, key) => asRecord(outer[key]),
        asRecord(whole),
      ),
      prefix,
      locate(path, key) {
        const from = [...prefix, ...path];
        return key === undefined
          ? placeAt(offsetOf(document, from), from)
          : placeAt(keyOffset(document, from, key), [...from, key]);
      },
    });
  } catch (error) {
    // An alias without its anchor, or far too many aliases.
    const reason = error instanceof Error ? error.message : String(error);
    unreadable.push({ place: placeAt(0, []), reason });
  }
}

/** The text of a ConfigMap's key is YAML of its own; only its first document counts. */
function readEmbedded(source: Source, path: Path, found: Found): void {
  const scalar = source.document.getIn(path, true);
  const text = isScalar(scalar) ? String(scalar.value) : '';
  const lines = new LineCounter();
  const [document] = parseDocuments(text, lines);
  const outer = source.toPosition(offsetOf(source.document, path));
  if (document === undefined || !isMap(document.contents)) {
    const place = { file: source.file, ...outer, path: pathText(path) };
    found.unreadable.push({ place, reason: 'expected an EnvoyGateway configuration in YAML' });
    return;
  }
  const isBlock = isScalar(scalar) && scalar.type === 'BLOCK_LITERAL';
  const sourceLines = source.text.split('\n');
  const toPosition = (offset: number): Position => {
    const inner = positionAt(lines, offset);
    return isBlock ? positionInBlock(inner, text.split('\n'), outer.line, sourceLines) : outer;
  };
  read({ file: source.file, text, document, toPosition }, 'config-map', [], found);
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function scalarText(node: unknown): string | undefined {
  return isScalar(node) ? String(node.value) : undefined;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
