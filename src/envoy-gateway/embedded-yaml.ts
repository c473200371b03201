/** A line and a column, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Where a position in the text of a block scalar (`key: |`) is in the file around it. The block's
 * indentation is what the file's line has in front of the text's.
 */
export function positionInBlock(
  inner: Position,
  textLines: readonly string[],
  headerLine: number,
  fileLines: readonly string[],
): Position {
  const line = headerLine + inner.line;
  const fileLine = fileLines[line - 1] ?? '';
  const textLine = textLines[inner.line - 1] ?? '';
  const indentation = fileLine.replace(/\r$/, '').length - textLine.length;
  return { line, column: inner.column + Math.max(indentation, 0) };
}
