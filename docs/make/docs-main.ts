// `npm run docs`: makes again what the guides show, or says what is stale.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../../data/index.js';
import { drawn } from './pictures.js';
import { measure } from './measured.js';
import { measurements } from './measurements.js';
import { pagesOf, remadePage } from './guides.js';

const help = `npm run docs -- [options]
Makes the pictures, outputs, excerpts and tables of the guides again, in a built repository.
  --measure NAME  measures anew what a table shows (${Object.keys(measurements).join(', ')}, or all); take a quiet machine
  --check         changes nothing, says what is stale, and fails if something is`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      measure: { type: 'string', multiple: true, default: [] },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void console.log(help);
  const root = process.cwd();
  const names = values.measure.includes('all') ? Object.keys(measurements) : values.measure;
  const unknown = names.find((name) => !Object.hasOwn(measurements, name));
  if (unknown !== undefined)
    throw new Error(`no measurement ${unknown}: use one of ${Object.keys(measurements).join(', ')}, or all`);
  for (const name of names) {
    console.log(`measuring ${name}: ${measurements[name].command}`);
    await measure(root, name);
  }
  let stale = 0;
  const settle = async (path: string, content: string) => {
    if ((await readFile(path, 'utf8').catch(() => undefined)) === content) return;
    stale++;
    console.log(`${path}: ${values.check ? 'stale' : 'made again'}`);
    if (!values.check) await writeFileAtomic(path, content);
  };
  for (const { path, svg } of await drawn(root)) await settle(path, svg);
  for (const path of pagesOf(root)) await settle(path, await remadePage(root, path));
  if (stale === 0) console.log('nothing is stale');
  else if (values.check) process.exitCode = 1;
}

await main().catch((error: Error) => {
  console.error(`docs: ${error.message}`);
  process.exitCode = 1;
});
