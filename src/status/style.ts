import { createHash } from 'node:crypto';
import { Html } from './html.ts';

/** The whole style of the pages: fonts and colours of the reader's own system, light or dark. */
const css = `
:root {
  color-scheme: light dark;
  --back: #ffffff; --text: #1b1f24; --soft: #59636e; --line: #d1d9e0; --head: #f3f5f8;
  --link: #0a58ca; --good: #116329; --bad: #b3261e; --badback: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0f1419; --text: #e6eaef; --soft: #a3adb8; --line: #38424d; --head: #1a212a;
    --link: #7db4ff; --good: #6bd58a; --bad: #ff9c92; --badback: #3a1512;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1rem 3rem; max-width: 76rem;
  background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; padding: .5rem 1rem; background: var(--back); }
h1 { font-size: 1.5rem; margin: 1.25rem 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
.verdict { margin: .5rem 0; padding: .5rem .75rem; border-left: .4rem solid var(--good); }
.verdict.bad { border-color: var(--bad); background: var(--badback); }
.soft { color: var(--soft); }
.good, .bad { font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
ul.row { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: .5rem 0; list-style: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td {
  text-align: left; vertical-align: top; padding: .3rem .75rem .3rem .5rem;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; max-width: 24rem; unicode-bidi: isolate; min-width: 6.5rem;
}
thead th { background: var(--head); white-space: nowrap; }
tbody th { font-weight: 600; }
time, .whole { white-space: nowrap; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: .75rem 0; }
label { display: grid; font-size: .9rem; }
input, select, button {
  font: inherit; color: inherit; background: var(--back); padding: .25rem .5rem;
  border: 1px solid var(--soft); border-radius: .25rem; min-height: 2.25rem;
}
button { background: var(--head); cursor: pointer; }
`;

const digest = createHash('sha256').update(css).digest('base64');

/** The style, for the head of a page. */
export const style = new Html(`<style>${css}</style>`);

/**
 * Nothing is loaded, nothing runs, forms come back here, nobody frames it. Of all styles this one alone
 * counts; the data: image is the icon that a browser would otherwise ask for.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${digest}'`,
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
