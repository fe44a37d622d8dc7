// Markdown as GitHub reads it, formulas included, to HTML that fetches nothing.
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import json from 'highlight.js/lib/languages/json';
import typescript from 'highlight.js/lib/languages/typescript';
import katex from 'katex';
import { Marked, type TokenizerAndRendererExtension } from 'marked';
import { escapeMarkup } from '../../train/report/markup.js';

for (const [name, language] of Object.entries({ bash, json, typescript })) hljs.registerLanguage(name, language);
/** What a fence or a file's ending asks for; what is none of these is shown as it is. */
const languages: Readonly<Record<string, string>> = { js: 'typescript', ts: 'typescript', sh: 'bash', json: 'json' };

/** Code in HTML, coloured where its language is known. */
export const highlighted = (code: string, language: string): string =>
  Object.hasOwn(languages, language)
    ? hljs.highlight(code, { language: languages[language] }).value
    : escapeMarkup(code);

/** The place of a heading, as GitHub names it. */
export const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

/** What stands in the heading of each page, without its marks. */
export const plain = (markdown: string): string => markdown.replace(/[`*]|\[([^\]]*)\]\([^)]*\)/g, '$1');

/** LaTeX as HTML to look at and MathML to be read out. @throws if KaTeX does not know it */
const formula = (source: string, displayMode: boolean): string =>
  katex.renderToString(source, { displayMode, throwOnError: true, strict: 'error', output: 'htmlAndMathml' });

/** `$...$` in a line, and `$$...$$` as a paragraph. */
const formulas: TokenizerAndRendererExtension[] = [
  {
    name: 'inlineFormula',
    level: 'inline',
    start: (text) => text.indexOf('$'),
    tokenizer(text) {
      const [raw, source] = /^\$(?![\s$])([^$`\n]*[^$`\s\\])\$(?!\d)/.exec(text) ?? [];
      return raw === undefined ? undefined : { type: 'inlineFormula', raw, source };
    },
    renderer: ({ source }) => formula(source as string, false),
  },
  {
    name: 'formula',
    level: 'block',
    start: (text) => text.indexOf('$$'),
    tokenizer(text) {
      const [raw, source] = /^\$\$([^]+?)\$\$(?:\n|$)/.exec(text) ?? [];
      return raw === undefined ? undefined : { type: 'formula', raw, source };
    },
    renderer: ({ source }) => `<div class="wide" tabindex="0">${formula(source as string, true)}</div>\n`,
  },
];

export interface Rendered {
  readonly html: string;
  /** The first heading. */
  readonly title: string;
  /** Headings of the second level, with their places. */
  readonly sections: readonly { readonly name: string; readonly place: string }[];
}

/**
 * @param link where a link or a picture of the page leads, of what is written there
 * @throws if a formula is none
 */
export function render(markdown: string, link: (written: string) => string): Rendered {
  const sections: { name: string; place: string }[] = [];
  let title = '';
  const marked = new Marked({
    extensions: formulas,
    renderer: {
      heading({ tokens, depth, text }) {
        const place = anchor(plain(text));
        if (depth === 1 && title === '') title = plain(text);
        if (depth === 2) sections.push({ name: plain(text), place });
        const inner = this.parser.parseInline(tokens);
        return `<h${depth} id="${place}">${inner} <a class="place" href="#${place}" aria-label="link to this section">#</a></h${depth}>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${escapeMarkup(link(href))}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }) {
        const to = escapeMarkup(link(href));
        return `<a class="wide picture" href="${to}"><img src="${to}" alt="${escapeMarkup(text)}"></a>`;
      },
      code({ text, lang = '' }) {
        return `<pre tabindex="0"><code>${highlighted(text, lang)}</code></pre>\n`;
      },
      table(token) {
        const cells = (row: typeof token.header, tag: string) =>
          row
            .map(({ tokens, align }) => {
              const side = align ? ` class="${align}"` : '';
              return `<${tag}${side}>${this.parser.parseInline(tokens)}</${tag}>`;
            })
            .join('');
        const rows = token.rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
        return `<div class="wide" tabindex="0"><table>\n<tr>${cells(token.header, 'th')}</tr>\n${rows}\n</table></div>\n`;
      },
    },
  });
  try {
    return { html: marked.parse(markdown, { async: false }), title, sections };
  } catch (error) {
    // What Marked adds is a request to tell its authors.
    throw new Error((error as Error).message.replace(/\s*Please report this to \S+$/, ''), { cause: error });
  }
}
