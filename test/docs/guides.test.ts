// The guides are as their commands make them: what snippets print, excerpts, shaders, tables of records, and pictures.
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { guidesOf, pagesOf, remadePage } from '../../docs/make/guides.js';
import { remade } from '../../docs/make/made.js';
import { readRecord } from '../../docs/make/measured.js';
import { measurements } from '../../docs/make/measurements.js';
import { ownPictures } from '../../docs/make/pictures.js';
import { countSnippets, withOutputs } from '../../docs/make/snippets.js';

const STALE = 'run `npm run docs`, and read what has changed';

void t.test('guides', async (t) => {
  let snippets = 0;
  for (const path of pagesOf('.')) {
    const page = await readFile(path, 'utf8');
    if (guidesOf('.').includes(path)) snippets += countSnippets(page);
    t.equal(await remadePage('.', path), page, `${path} is what is made: else ${STALE}`);
  }
  t.ok(snippets > 3, `${snippets} snippets`);
});

void t.test('pictures', async (t) => {
  for (const { path, svg } of await ownPictures('.')) {
    t.equal(await readFile(path, 'utf8'), svg, `${path} is what is drawn: else ${STALE}`);
    t.match(svg, /<desc>.{40,}<\/desc>/, 'and says in words what it shows');
  }
});

void t.test('measurements have the rows that their commands print', (t) => {
  for (const [name, { command, names, table }] of Object.entries(measurements)) {
    const record = readRecord('.', name);
    t.equal(record.command, command, `${name}: else measure it again`);
    t.match(record.date, /^\d{4}-\d\d-\d\d$/);
    if (!table) continue;
    const first = table(record.rows)
      .split('\n')
      .slice(2)
      .map((row) => row.split(' | ')[0].slice('| '.length));
    t.same(first, names, `${name}: its rows`);
  }
  t.end();
});

void t.test('what is stale is told', async (t) => {
  const spoilt = (inside: string) =>
    `<!-- made: code kernels/library/norm.ts function rowMean -->\n${inside}\n<!-- /made -->`;
  t.match(remade(spoilt('old'), '.'), /```ts\nfunction rowMean[^]*\n}\n```\n\n<!-- \/made -->$/);
  t.match(remade('<!-- made: wgsl layerNorm mean -->\n<!-- /made -->', '.'), /```wgsl\n[^]*@compute/);
  t.throws(() => remade(spoilt('').replace('rowMean', 'rowMedian'), '.'), /rowMedian: the file has no such lines/);
  t.throws(() => remade('<!-- made: measured nothing -->\n<!-- /made -->', '.'), /measured nothing: expected one of /);
  t.throws(
    () => remade('<!-- made: magic x -->\n<!-- /made -->', '.'),
    /magic x: expected one of code, wgsl, measured/,
  );
  const page = '```js\nconsole.log(1 + 1);\n```\n\n```text\n3\n```\n';
  t.equal(await withOutputs(page, '.'), page.replace('3\n', '2\n'));
  await t.rejects(withOutputs('```js\nthrow new Error("broken");\n```\n', '.'), /broken/);
});
