import { type Html, type HtmlValue, html } from './html.ts';
import { style } from './style.ts';

/** A page: what every one of them has around its sections. */
export function document(title: string, head: HtmlValue, main: HtmlValue): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${style}
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>${head}</header>
<main id="main" tabindex="-1">
${main}
</main>
</body>
</html>
`;
}

/** A section that screen readers list by its heading. */
export function section(id: string, heading: string, content: HtmlValue): Html {
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>
${content}
</section>
`;
}

/** A table whose first cell of each row names the row. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly HtmlValue[])[];
  /** What stands there instead of no rows. */
  readonly none: string;
}

/** A table, in a frame that can be scrolled with the keyboard where a screen is too narrow. */
export function table({ caption, columns, rows, none }: Table): Html {
  if (rows.length === 0) return html`<p>${none}</p>`;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${rows.map(tableRow)}</tbody>
</table></div>`;
}

function tableRow([first, ...others]: readonly HtmlValue[]): Html {
  return html`<tr><th scope="row">${first}</th>${others.map((cell) => html`<td>${cell}</td>`)}</tr>
`;
}

/** A time as text that is the same for everybody. */
export function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

/** A word that is good news or bad, which its colour repeats. */
export function verdict(good: boolean, word: string): Html {
  return html`<span class="${good ? 'good' : 'bad'}">${word}</span>`;
}

/** `1 route`, `2 routes`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Counts by name in one cell: `2 route-answered, 1 cluster-replaced`. */
export function tally(counts: Readonly<Record<string, number>>): HtmlValue {
  const parts = Object.entries(counts).map(([name, number], index) => [
    index === 0 ? '' : ', ',
    html`<span class="whole">${number} ${name}</span>`,
  ]);
  return parts.length === 0 ? 'nothing' : parts;
}
