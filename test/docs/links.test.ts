// Links in the README and the docs lead somewhere: to files that are there, and to headings that they have.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { anchor } from '../../docs/make/markdown.js';

const pages = ['README.md', 'CHANGELOG.md', 'bench/RESULTS.md', 'bench/peers/README.md'].concat(
  readdirSync('docs', { recursive: true })
    .map((file) => join('docs', String(file)))
    .filter((path) => path.endsWith('.md')),
);

const headings = (path: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));

const lineOf = (path: string, number: number): string => readFileSync(path, 'utf8').split('\n')[number - 1] ?? '';

void t.test('links', async (t) => {
  let count = 0;
  for (const page of pages)
    for (const [, text, link] of readFileSync(page, 'utf8').matchAll(/\[((?:`[^`]*`|[^\]])*)\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      count++;
      const [path, place] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      t.ok(existsSync(target), `${page}: ${link}`);
      if (place === undefined || !existsSync(target)) continue;
      const [, line] = /^L(\d+)$/.exec(place) ?? [];
      if (line) t.ok(lineOf(target, Number(line)).includes(text.replaceAll('`', '')), `${page}: ${link} is ${text}`);
      else t.ok(headings(target).includes(place), `${page}: ${link}`);
    }
  t.ok(count > 20, `${count} links`);
});
