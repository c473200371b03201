import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from '../../src/status/html.ts';

describe('a template', () => {
  it('escapes every value, in text and in attributes', () => {
    const name = `<img src=x onerror="alert('1')">&`;
    expect(String(html`<a title="${name}">${name}</a>`)).toBe(
      '<a title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;">' +
        '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;</a>',
    );
  });

  it('takes templates and lists of them as they are, and undefined for nothing', () => {
    const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`);
    expect(String(html`<ul>${items}${undefined}${3}</ul>`)).toBe(
      '<ul><li>a</li><li>&lt;b&gt;</li>3</ul>',
    );
  });

  it('lets no text end its element or attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(String(html`${text}`)).not.toMatch(/[<>"']/);
      }),
    );
  });
});
