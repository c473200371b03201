import { closest, distance } from 'fastest-levenshtein';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

/** Something in a YAML file that has to be changed, and where. Lines and columns count from 1. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path of the field, for instance `state.file.path`; '' for the file as a whole. */
  readonly path: string;
  readonly reason: string;
}

/** A parsed file, or everything that is wrong with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly locate: Locate }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

type Path = readonly (string | number)[];

/** Turns a path in the file and a reason into a problem with its line and column. */
export type Locate = (path: Path, reason: string) => FileProblem;

/** Parses YAML text (JSON is YAML too) and checks it against a schema. An empty file is `{}`. */
export function parseYaml<Schema extends z.ZodType>(
  file: string,
  text: string,
  schema: Schema,
): Parsed<z.output<Schema>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, path: string, reason: string): FileProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path, reason };
  };
  const syntax = document.errors.map((error) => at(error.pos[0], '', error.message));
  if (syntax.length > 0) return { ok: false, problems: limit(syntax) };
  const locate: Locate = (path, reason) => at(offsetOf(document, path), pathText(path), reason);

  const content = readContent(document, locate);
  if ('problems' in content) return { ok: false, problems: content.problems };
  const result = schema.safeParse(content.value ?? {});
  if (result.success) return { ok: true, value: result.data, locate };
  return { ok: false, problems: limit(result.error.issues.flatMap((issue) => explain(issue))) };

  function explain(issue: z.core.$ZodIssue): FileProblem[] {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code === 'invalid_key') {
      return issue.issues.map(({ message }) => locate(path, message));
    }
    if (issue.code !== 'unrecognized_keys') return [locate(path, issue.message)];
    const valid = fieldNamesAt(schema, path);
    return issue.keys.map((key) =>
      at(keyOffset(document, path, key), pathText([...path, key]), unknownField(key, valid)),
    );
  }
}

/** How many problems of a file are told; the rest mostly follows from the first. */
const maxProblems = 10;

function limit(problems: readonly FileProblem[]): readonly FileProblem[] {
  const told = problems.slice(0, maxProblems);
  const last = told.at(-1);
  if (last === undefined || told.length === problems.length) return told;
  const reason = `${last.reason} (and ${problems.length - told.length} problems more)`;
  return [...told.slice(0, -1), { ...last, reason }];
}

/** `file:line:column: path: reason`, as editors and terminals make it clickable. */
export function formatProblem({ file, line, column, path, reason }: FileProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${reason}`;
}

function readContent(
  document: Document,
  locate: Locate,
): { value: unknown } | { problems: FileProblem[] } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    // An alias without its anchor, or far too many aliases.
    return { problems: [locate([], error instanceof Error ? error.message : String(error))] };
  }
}

function unknownField(key: string, valid: readonly string[]): string {
  if (valid.length === 0) return `there is no field ${key} here`;
  const nearest = closest(key, valid);
  const isNear = distance(key, nearest) <= Math.max(2, key.length / 2);
  const hint = isNear ? `did you mean ${nearest}?` : `valid here: ${valid.join(', ')}`;
  return `there is no field ${key} here; ${hint}`;
}

const propertiesShape = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
});

function fieldNamesAt(schema: z.ZodType, path: Path): string[] {
  let places: unknown[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })];
  for (const part of path) {
    places = alternatives(places).map((place) =>
      typeof part === 'number' ? place.items : place.properties?.[part],
    );
  }
  return alternatives(places).flatMap((place) => Object.keys(place.properties ?? {}));
}

function alternatives(places: readonly unknown[]): z.output<typeof propertiesShape>[] {
  return places.flatMap((place) => {
    const parsed = propertiesShape.safeParse(place);
    if (!parsed.success) return [];
    return parsed.data.anyOf === undefined ? [parsed.data] : alternatives(parsed.data.anyOf);
  });
}

/** Where the value at a path starts; its nearest parent's start when it is not there. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function keyOffset(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return offsetOf(document, path);
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  const node = pair?.key;
  return isNode(node) && node.range ? node.range[0] : offsetOf(document, path);
}

function pathText(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`,
    )
    .join('');
}
