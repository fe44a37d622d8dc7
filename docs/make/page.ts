// The frame around every page of the site: head, navigation, and what is on it.
import { posix } from 'node:path';
import { escapeMarkup } from '../../train/report/markup.js';

export interface NavigationGroup {
  readonly name: string;
  /** Their paths within the site. */
  readonly pages: readonly { readonly name: string; readonly path: string }[];
}

export interface Page {
  /** Within the site. */
  readonly path: string;
  readonly title: string;
  readonly html: string;
  readonly sections?: readonly { readonly name: string; readonly place: string }[];
}

/** From one page of the site to another. */
export const relative = (from: string, to: string): string => posix.relative(posix.dirname(from), to);

export function framed({ path, title, html, sections = [] }: Page, navigation: readonly NavigationGroup[]): string {
  const to = (target: string) => escapeMarkup(relative(path, target));
  const entry = ({ name, path: target }: { name: string; path: string }) => {
    const here = target === path;
    const own = here && sections.length > 0 ? `\n<ul>${sections.map(section).join('')}</ul>` : '';
    return `<li><a href="${to(target)}"${here ? ' aria-current="page"' : ''}>${escapeMarkup(name)}</a>${own}</li>`;
  };
  const section = ({ name, place }: { name: string; place: string }) =>
    `<li><a href="#${place}">${escapeMarkup(name)}</a></li>`;
  const group = ({ name, pages }: NavigationGroup) =>
    `<details${pages.some((page) => page.path === path) || pages.length < 12 ? ' open' : ''}><summary>${escapeMarkup(name)}</summary>\n<ul>\n${pages.map(entry).join('\n')}\n</ul></details>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeMarkup(title)}${title === 'retromae' ? '' : ' · retromae'}</title>
<link rel="stylesheet" href="${to('site/katex.css')}">
<link rel="stylesheet" href="${to('site/style.css')}">
</head>
<body>
<a class="skip" href="#content">to the text</a>
<nav aria-label="the site">
<a class="home" href="${to('index.html')}">retromae</a>
<details class="menu">
<summary>Contents</summary>
${navigation.map(group).join('\n')}
</details>
<script>
document.querySelector('.menu').open = matchMedia('(min-width: 70rem)').matches;
</script>
</nav>
<main id="content">
${html}</main>
</body>
</html>
`;
}
