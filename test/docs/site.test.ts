// The site: every page there is, every link of one leads to a place that is there, and nothing is fetched from elsewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { parseHTML } from 'linkedom';
import { render } from '../../docs/make/markdown.js';
import { sourceHtml } from '../../docs/make/source.js';
import { writeSite } from '../../docs/make/site.js';

const asWritten = (link: string): string => link;

void t.test('the site', async (t) => {
  const out = t.testdir({});
  const count = await writeSite({ root: '.', out });
  const pages = readdirSync(out, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.html'));
  t.ok(count > 500 && pages.length > count, `${count} pages, and a reference`);
  const places = new Map<string, Set<string>>();
  const placesOf = (path: string) => {
    if (!places.has(path))
      places.set(path, new Set([...readFileSync(path, 'utf8').matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)));
    return places.get(path)!;
  };
  let links = 0;
  for (const page of pages) {
    const html = readFileSync(join(out, page), 'utf8');
    const own = !page.startsWith('api/');
    for (const [, tag, written] of html.matchAll(/<(a|img|link|script|iframe)\b[^>]*?\b(?:href|src)="([^"]*)"/g)) {
      if (/^(?:https?|mailto):/.test(written)) {
        if (tag !== 'a') t.fail(`${page} fetches ${written}`);
        continue;
      }
      links++;
      const [path, place] = written.replaceAll('&amp;', '&').split('#');
      const target = path === '' ? join(out, page) : join(dirname(join(out, page)), decodeURI(path));
      if (!existsSync(target)) t.fail(`${page}: ${written} is not there`);
      else if (place && own && !placesOf(target).has(decodeURIComponent(place)))
        t.fail(`${page}: ${written} has no place`);
    }
  }
  t.ok(links > 10_000, `${links} links`);
  const style = readFileSync(join(out, 'site/katex.css'), 'utf8');
  for (const [, font] of style.matchAll(/url\(([^)]*)\)/g)) t.ok(existsSync(join(out, 'site', font)), font);

  const guide = parseHTML(readFileSync(join(out, 'docs/backprop.html'), 'utf8')).document;
  t.ok(guide.querySelectorAll('math').length > 30, 'formulas can be read out');
  t.equal(guide.querySelectorAll('.katex-html:not([aria-hidden])').length, 0, 'and are read out once');
  t.equal(guide.querySelector('nav [aria-current]')?.textContent, 'Backpropagation, step by step');
  const kernel = parseHTML(readFileSync(join(out, 'kernels/library/norm.ts.html'), 'utf8')).document;
  const line = readFileSync('kernels/library/norm.ts', 'utf8').split('\n')[100];
  t.equal(kernel.querySelector('#L101')?.textContent, `101${line}`, 'lines stand at their numbers');
});

void t.test('a folder with other things', async (t) => {
  const folder = t.testdir({ kept: 'mine' });
  await t.rejects(
    writeSite({ root: '.', out: folder, api: false }),
    /holds other things than a site, which would be lost/,
  );
  t.equal(readFileSync(join(folder, 'kept'), 'utf8'), 'mine');
  await t.rejects(writeSite({ root: '.', out: join(folder, 'kept'), api: false }), /expected a folder; name a new one/);
});

void t.test('two clicks from the README', (t) => {
  // What a reader of PyTorch looks for, as links of the README and of what these lead to.
  const linksOf = (page: string) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link)
      .filter((link) => !/^[a-z]+:|^#/.test(link))
      .map((link) => join(dirname(page), link));
  const reached = new Set(linksOf('README.md'));
  for (const link of [...reached]) {
    const page = link.split('#')[0];
    if (page.endsWith('.md') && existsSync(page)) linksOf(page).forEach((next) => reached.add(next));
  }
  const lineOf = (path: string, text: string) =>
    `${path}#L${
      readFileSync(path, 'utf8')
        .split('\n')
        .findIndex((line) => line.includes(text)) + 1
    }`;
  const wanted = {
    'where the gradient of layer norm is': lineOf('kernels/library/norm.ts', 'export const layerNormGradient'),
    'why it is so': 'docs/backprop.md#layer-norm',
    'where M is made': lineOf('retromae/collator.ts', 'visible[to + w] = ~pool'),
    'how to add an objective': 'docs/design/objectives.md#a-worked-example',
    'what a step costs': 'docs/map.md#what-a-step-costs',
  };
  for (const [question, place] of Object.entries(wanted)) t.ok(reached.has(place), `${question}: ${place}`);
  t.end();
});

void t.test('Markdown', (t) => {
  const { html, title, sections } = render('# A `b`\n\n## C, d\n\n$x_1$ costs $5 or `$y$`\n\n$$\nx^2\n$$\n', asWritten);
  t.equal(title, 'A b');
  t.same(sections, [{ name: 'C, d', place: 'c-d' }]);
  t.equal(html.match(/<math /g)?.length, 2, 'two formulas, and a price');
  t.match(html, /costs \$5 or <code>\$y\$<\/code>/);
  t.throws(() => render('$\\nonsense$', asWritten), /nonsense/, 'a formula that is none');
  t.end();
});

void t.test('sources, line by line', (t) => {
  const html = sourceHtml('/* one\n two */\nconst x = "<a>";\n', 'ts');
  const { document } = parseHTML(`<html><body>${html}</body></html>`);
  t.same(
    [...document.querySelectorAll('.line')].map(({ textContent }) => textContent),
    ['1/* one', '2 two */', '3const x = "<a>";'],
  );
  t.equal(document.querySelectorAll('.line > .hljs-comment').length, 2, 'a comment of two lines is one in each');
  t.end();
});
