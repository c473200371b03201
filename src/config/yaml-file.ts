import { type Document, LineCounter, parseDocument, type YAMLError } from 'yaml';
import type * as z from 'zod';
import { fieldNamesAt, unknownField } from './unknown-field.ts';
import {
  formatPlace,
  keyOffset,
  offsetOf,
  type Path,
  type Place,
  pathText,
} from './yaml-places.ts';

/** Something in a YAML file that has to be changed, and where. */
export interface FileProblem extends Place {
  readonly reason: string;
}

/** A parsed file, or everything that is wrong with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly locate: Locate }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Turns a path in the file and a reason into a problem with its line and column. */
export type Locate = (path: Path, reason: string) => FileProblem;

/** Characters of a file that are parsed, as many as a ConfigMap may have bytes. */
export const maxYamlLength = 2 ** 20;

/** Below it the compiling of a schema takes longer than the checking by it, in characters. */
const shortText = 2 ** 16;

/**
 * Parses YAML text (JSON is YAML too) and checks it against a schema. An empty file is `{}`. Nothing
 * else is done meanwhile, so a text that is longer than `atMost` characters is refused unread: a few
 * megabytes take a minute and all of the memory.
 */
export function parseYaml<Schema extends z.ZodType>(
  file: string,
  text: string,
  schema: Schema,
  atMost = maxYamlLength,
): Parsed<z.output<Schema>> {
  if (text.length > atMost) return { ok: false, problems: [tooLong(file, text.length, atMost)] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, path: string, reason: string): FileProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path, reason };
  };
  const syntax = document.errors.map((error) => at(error.pos[0], '', syntaxReason(error)));
  if (syntax.length > 0) return { ok: false, problems: limit(syntax) };
  const locate: Locate = (path, reason) => at(offsetOf(document, path), pathText(path), reason);

  const content = readContent(document, locate);
  if ('problems' in content) return { ok: false, problems: content.problems };
  const jitless = text.length < shortText;
  const result = schema.safeParse(content.value ?? {}, { jitless });
  if (result.success) return { ok: true, value: result.data, locate };
  // Each place is looked for from the start of the text: only for those that are told.
  const { issues } = result.error;
  const told = issues.slice(0, maxProblems).flatMap((issue) => explain(issue));
  const untold = issues.slice(maxProblems).reduce((sum, issue) => sum + countProblems(issue), 0);
  return { ok: false, problems: limit(told, untold) };

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

/** The problem of a file with more characters, or bytes, than are read. */
export function tooLong(file: string, length: number, atMost: number): FileProblem {
  const megabytes = [length, atMost].map((characters) => (characters / 2 ** 20).toFixed(1));
  const reason = `the file is too long: ${megabytes[0]} MiB, and ${megabytes[1]} are read at most`;
  return { file, line: 1, column: 1, path: '', reason };
}

/** Whether YAML has nothing but blank lines and comments. */
export function isBlank(text: string): boolean {
  return !/^[^\S\n]*[^\s#]/m.test(text);
}

function syntaxReason({ code, message }: YAMLError): string {
  // The parser’s own words are for who calls it.
  return code === 'MULTIPLE_DOCS' ? 'a second document begins here; one is read' : message;
}

/** How many problems of a file are told; the rest mostly follows from the first. */
const maxProblems = 10;

function countProblems(issue: z.core.$ZodIssue): number {
  if (issue.code === 'invalid_key') return issue.issues.length;
  return issue.code === 'unrecognized_keys' ? issue.keys.length : 1;
}

function limit(problems: readonly FileProblem[], untold = 0): readonly FileProblem[] {
  const told = problems.slice(0, maxProblems);
  const last = told.at(-1);
  const more = problems.length - told.length + untold;
  if (last === undefined || more === 0) return told;
  const reason = `${last.reason} (and ${more} problems more)`;
  return [...told.slice(0, -1), { ...last, reason }];
}

/** `file:line:column: path: reason`, as editors and terminals make it clickable. */
export function formatProblem(problem: FileProblem): string {
  return `${formatPlace(problem)}${problem.reason}`;
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
