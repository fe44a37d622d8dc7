// `npm run site`: the textbook as a folder of pages.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSite } from './site.js';

const help = `npm run site -- [options]
  --out DIR   where to (default dist/site): a new folder, or a site, which is made anew
  --no-api    without the API reference, which takes most of the time`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'dist/site' },
      'no-api': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void console.log(help);
  const count = await writeSite({ root: process.cwd(), out: resolve(values.out), api: !values['no-api'] });
  console.log(`${count} pages${values['no-api'] ? '' : ' and the API reference'}: open ${values.out}/index.html`);
}

await main().catch((error: Error) => {
  console.error(`site: ${error.message}`);
  process.exitCode = 1;
});
