// `npm run site`: the textbook as a folder of pages.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSite } from './site.js';

const help = `npm run site -- [options]
  --out DIR   where to (default dist/site); the folder is made anew
  --no-api    without the API reference, which takes most of the time`;

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'dist/site' },
    'no-api': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(help);
else {
  const out = resolve(values.out);
  const count = await writeSite({ root: process.cwd(), out, api: !values['no-api'] });
  console.log(`${count} pages${values['no-api'] ? '' : ' and the API reference'}: open ${values.out}/index.html`);
}
