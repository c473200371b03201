import { type Document, isMap, isNode, isScalar } from 'yaml';

/** Where something is in a file. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path of the field, for instance `state.file.path`; '' for the file as a whole. */
  readonly path: string;
}

/** Keys and list indices from the top of a document down to a value. */
export type Path = readonly (string | number)[];

/** Where the value at a path starts; its nearest parent's start when it is not there. */
export function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** Where a key of the map at a path starts. */
export function keyOffset(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return offsetOf(document, path);
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  const node = pair?.key;
  return isNode(node) && node.range ? node.range[0] : offsetOf(document, path);
}

/** A path as people write it: `connectors[0].routes[1].kind`. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (part.includes('.')) return `["${part}"]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}

/** `file:line:column: path: `, as editors and terminals make it clickable. */
export function formatPlace({ file, line, column, path }: Place): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}`;
}
