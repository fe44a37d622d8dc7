// Every package that is offered to browsers can be imported by one.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import t from 'tap';
import packageJson from '../../package.json' with { type: 'json' };
import { missing, openBrowser, openPage } from './chromium.js';

const files = Object.values(packageJson.exports).map(({ browser }) =>
  basename(typeof browser === 'string' ? browser : browser.default),
);

void t.test('nothing that only Node has is imported at once', async (t) => {
  const scripts = readdirSync('dist/browser', { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.js'));
  t.same(
    scripts.filter((file) => !file.includes('chunks')).sort(),
    [...files].sort(),
    'the bundles are those of package.json',
  );
  // `import('node:os')`, where it is asked for, is none.
  const atOnce = /^(import|export)\b[^;(]*["']node:/m;
  t.match('import {\n  a,\n} from "node:fs";', atOnce);
  t.same(
    scripts.filter((file) => atOnce.test(readFileSync(`dist/browser/${file}`, 'utf8'))),
    [],
  );
});

void t.test('Chromium imports each of them', async (t) => {
  if (missing) return void t.plan(0, missing);
  const { page, errors } = await openPage(t, await openBrowser(t), { isolated: false });
  for (const file of files) {
    const names = await page.evaluate<string[]>(`import('/${file}').then(Object.keys, (error) => [String(error)])`);
    t.ok(names.length > 1, `${file}: ${names.slice(0, 3).join(', ')}`);
  }
  const steps = [1, 2].map((step) => ({ step, loss: 3 / step, encoder: 3 / step }));
  const chart = `import('/train.js').then(({ lossChart }) => lossChart([{ name: 'a', steps: ${JSON.stringify(steps)} }]))`;
  t.match(
    await page.evaluate<string>(chart),
    /^<svg[^]*encoder[^]*<\/svg>/,
    'a chart is drawn with the document of the page',
  );
  t.same(errors, []);
});
