// The guides' snippets: of each page one program, run as it stands; what is said to be printed below a snippet is what it prints.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
/** Between the outputs of two snippets. */
const MARK = '\u0001';

interface Snippet {
  readonly code: string;
  /** What the page says that it prints; nothing where it says nothing. */
  readonly prints: string;
}

const snippetsOf = (page: string): Snippet[] =>
  [...page.matchAll(/^```js\n([^]*?)^```\n(?:\n```text\n([^]*?)^```\n)?/gm)].map(([, code, prints = '']) => ({
    code,
    prints,
  }));

void t.test('snippets', async (t) => {
  const pages = (await readdir('docs')).filter((file) => file.endsWith('.md'));
  let count = 0;
  for (const file of pages) {
    const snippets = snippetsOf(await readFile(join('docs', file), 'utf8'));
    if (snippets.length === 0) continue;
    count += snippets.length;
    // Inside the package, so that it finds itself by name.
    const folder = await mkdtemp(join('dist', 'guide-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const program = join(folder, `${file}.mjs`);
    await writeFile(program, snippets.map(({ code }) => `${code}\nconsole.log('${MARK}');\n`).join(''));
    const { stdout } = await run(process.execPath, [program]);
    const printed = stdout.split(`${MARK}\n`);
    for (const [i, { prints }] of snippets.entries()) t.equal(printed[i], prints, `${file}, snippet ${i + 1}`);
  }
  t.ok(count > 3, `${count} snippets`);
});
