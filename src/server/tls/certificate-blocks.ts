/**
 * The certificates of a PEM file; undefined when one of its blocks, of whatever kind, is not whole: each line
 * with a marker is a whole one, and each beginning is followed by its end.
 */
export function certificateBlocks(pem: string): readonly string[] | undefined {
  const blocks: string[] = [];
  let block: { readonly label: string; readonly lines: string[] } | undefined;
  for (const line of pem.split(/\r?\n/)) {
    block?.lines.push(line);
    if (!isMarker(line)) continue;
    const [, edge, label = ''] = /^-----(BEGIN|END) ([A-Z0-9 ]+)-----\s*$/.exec(line) ?? [];
    if (edge === 'BEGIN' && block === undefined) {
      block = { label, lines: [line] };
    } else if (edge === 'END' && block?.label === label) {
      if (label === 'CERTIFICATE') blocks.push(block.lines.join('\n'));
      block = undefined;
    } else {
      return undefined;
    }
  }
  return block === undefined ? blocks : undefined;
}

/** Also one in the middle of a line, or cut short. */
function isMarker(line: string): boolean {
  return line.startsWith('-----') || /-----(?:BEGIN|END)/.test(line);
}
