// A file of the repository as a page, each line with its place, and a folder as a list of what it has.
import { escapeMarkup } from '../../train/report/markup.js';
import { highlighted } from './markdown.js';

/** HTML cut into lines; an element that goes on over the end of one is closed there and opened again. */
function linesOf(html: string): string[] {
  const open: string[] = [];
  return html.split('\n').map((line) => {
    const before = open.join('');
    for (const [tag] of line.matchAll(/<\/?span[^>]*>/g))
      if (tag.startsWith('</')) open.pop();
      else open.push(tag);
    return `${before}${line}${'</span>'.repeat(open.length)}`;
  });
}

/** The lines of a file, numbered; line n stands at `#Ln`, as on GitHub. */
export function sourceHtml(text: string, ending: string): string {
  const lines = linesOf(highlighted(text.trimEnd(), ending));
  const numbered = lines.map(
    (line, i) =>
      `<span class="line" id="L${i + 1}"><a href="#L${i + 1}" aria-label="line ${i + 1}">${i + 1}</a>${line}</span>`,
  );
  return `<pre class="source" tabindex="0"><code>${numbered.join('\n')}</code></pre>\n`;
}

/** What a file says of itself in its first line, where that is a comment. */
export const about = (text: string): string => /^(?:\/\/|#) (?!!)(.*)/.exec(text)?.[1] ?? '';

export interface Entry {
  readonly name: string;
  readonly link: string;
  readonly about: string;
}

export const folderHtml = (entries: readonly Entry[]): string =>
  `<div class="wide" tabindex="0"><table>\n${entries
    .map(
      ({ name, link, about }) =>
        `<tr><td><a href="${escapeMarkup(link)}">${escapeMarkup(name)}</a></td><td>${escapeMarkup(about)}</td></tr>`,
    )
    .join('\n')}\n</table></div>\n`;
